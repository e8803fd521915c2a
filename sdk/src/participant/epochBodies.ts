import { KarmeshError } from '../errors.ts';
import { askOnce, type Host, maxBodyBytes } from '../network/index.ts';
import type { ChainView, EpochAccount } from '../program/index.ts';
import {
  type BodyKind,
  type Codec,
  checkManifestOrder,
  type Domain,
  decode,
  EPOCH_PROTOCOL,
  encode,
  epochAnswerCodec,
  epochAskCodec,
  equalBytes,
  type Hash,
  type Identity,
  MAX_EPOCH_FRAME_BYTES,
  type ManifestBody,
  manifestBodyCodec,
  manifestHashOf,
  manifestRoots,
  type ReportBody,
  reportBodyCodec,
  reportHashOf,
  treesOfBody,
  tryDecode,
  verdictRecord,
  verdictsRootOf,
} from '../protocol/index.ts';
import type { Logger } from '../runtime/index.ts';

/** Validators that are asked for one thing. */
const MAX_PEERS = 4;
/** Of the time that there is, which one of them may take. */
const PEER_MS = 8_000;

export type EpochBodies = {
  /** What an epoch was closed with; undefined if it is not attested or nobody has the body. */
  manifest(epoch: bigint, options: { readonly signal: AbortSignal }): Promise<ManifestBody | undefined>;
  /** What an epoch ended with; undefined before its report reached its quorum. */
  report(
    epoch: bigint,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly body: ReportBody; readonly verdictsRoot: Hash } | undefined>;
  /** The bytes of this hash, if a validator has them and they are not longer. */
  bytes(
    wanted: { readonly hash: Hash; readonly maxBytes: number },
    options: { readonly signal: AbortSignal },
  ): Promise<Uint8Array | undefined>;
};

/** Fetches from validators what stands under the chain's hashes. What they send is believed only once it reaches the hash. */
export const epochBodies = (parts: {
  /** How many bodies stay in memory; older ones are fetched again. 16 unless told. */
  readonly maxKept?: number;
  readonly domain: Domain;
  readonly view: Pick<ChainView, 'epochAccount'>;
  /** Reads an epoch's account that the view does not follow any more. */
  readonly readEpoch: (epoch: bigint, options: { readonly signal: AbortSignal }) => Promise<EpochAccount | undefined>;
  readonly host: Pick<Host, 'announcements' | 'openStream' | 'fetchByHash'>;
  readonly log: Pick<Logger, 'debug'>;
}): EpochBodies => {
  const { domain, host, log, maxKept = 16, readEpoch, view } = parts;
  const kept = new Map<string, unknown>();

  /** Asks validators one after the other until one of them helps, another one first each time. */
  const firstOf = async <T>(
    signal: AbortSignal,
    ask: (peer: Identity, options: { readonly signal: AbortSignal }) => Promise<T | undefined>,
  ): Promise<T | undefined> => {
    const validators = host.announcements().filter(({ role }) => role === 'validator');
    const from = Math.floor(Math.random() * validators.length);
    const turned = [...validators.slice(from), ...validators.slice(0, from)];
    for (const { identity } of turned.slice(0, MAX_PEERS)) {
      try {
        const found = await ask(identity, { signal: AbortSignal.any([signal, AbortSignal.timeout(PEER_MS)]) });
        if (found !== undefined) return found;
      } catch (err) {
        if (signal.aborted || !(err instanceof KarmeshError)) throw err;
        log.debug({ err }, 'A validator did not have what was asked of it.');
      }
    }
    return undefined;
  };

  const fetchBody = async (
    wanted: { readonly epoch: bigint; readonly kind: BodyKind; readonly key: Hash; readonly peer: Identity },
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Uint8Array | undefined> => {
    const { peer } = wanted;
    const ask = encode(epochAskCodec, { epoch: wanted.epoch });
    const asking = { peer, protocol: EPOCH_PROTOCOL, maxFrameBytes: MAX_EPOCH_FRAME_BYTES, ask };
    const answer = await askOnce(host, asking, { signal });
    const listed = answer === undefined ? [] : decode(epochAnswerCodec, answer).bodies;
    const reference = listed.find(({ kind, key }) => kind === wanted.kind && equalBytes(key, wanted.key));
    if (reference === undefined) return undefined;
    return host.fetchByHash({ peer, hash: reference.bodyHash, maxBytes: maxBodyBytes }, { signal });
  };

  const find = async <T>(
    wanted: {
      readonly epoch: bigint;
      readonly kind: 'manifest' | 'report';
      readonly key: Hash;
      readonly codec: Codec<T>;
      holds(body: T): boolean;
    },
    signal: AbortSignal,
  ): Promise<T | undefined> => {
    const name = `${wanted.kind} ${wanted.key.join()}`;
    const known = kept.get(name);
    if (known !== undefined) return known as T;
    // Which bytes stand for the key is each peer's own word, so that the next is asked if they do not.
    const body = await firstOf(signal, async (peer, options) => {
      const bytes = await fetchBody({ ...wanted, peer }, options);
      const read = bytes === undefined ? undefined : tryDecode(wanted.codec, bytes);
      return read !== undefined && wanted.holds(read) ? read : undefined;
    });
    if (body === undefined) return undefined;
    kept.set(name, body);
    const [oldest] = kept.keys();
    if (kept.size > maxKept && oldest !== undefined) kept.delete(oldest);
    return body;
  };

  return {
    bytes: ({ hash, maxBytes }, { signal }) =>
      firstOf(signal, (peer, options) => host.fetchByHash({ peer, hash, maxBytes }, options)),
    async manifest(epoch, { signal }) {
      const account = view.epochAccount(epoch) ?? (await readEpoch(epoch, { signal }));
      if (account === undefined || !reached(account, 'attested')) return undefined;
      const key = account.manifestHash;
      const holds = (body: ManifestBody): boolean =>
        sorted(body) && equalBytes(manifestHashOf(domain, manifestRoots(domain, body)), key);
      return find({ epoch, kind: 'manifest', key, codec: manifestBodyCodec, holds }, signal);
    },
    async report(epoch, { signal }) {
      const account = view.epochAccount(epoch) ?? (await readEpoch(epoch, { signal }));
      if (account === undefined || !reached(account, 'reported')) return undefined;
      const { reportHash: key, verdictsRoot } = account;
      const holds = (body: ReportBody): boolean =>
        // U-06: no tree of the report holds the verdicts, and which answer to a challenge is fetched follows from them.
        equalBytes(verdictsRootOf(body.verdicts.map(({ value }) => verdictRecord.hash(domain, value))), verdictsRoot) &&
        equalBytes(reportHashOf(domain, { epoch, verdictsRoot, report: body.report }), key) &&
        treesOfBody(domain, body) !== undefined;
      const body = await find({ epoch, kind: 'report', key, codec: reportBodyCodec, holds }, signal);
      return body === undefined ? undefined : { body, verdictsRoot };
    },
  };
};

const STATES = { attested: 2, reported: 5 } as const;

function reached(account: Pick<EpochAccount, 'state'>, state: keyof typeof STATES): boolean {
  return account.state >= STATES[state];
}

function sorted(body: ManifestBody): boolean {
  try {
    checkManifestOrder(body);
    return true;
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'CODEC') return false;
    throw error;
  }
}
