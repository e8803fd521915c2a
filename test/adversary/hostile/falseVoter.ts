import { randomBytes } from 'node:crypto';
import type { FrameStream, Host } from '@karmesh/sdk/network';
import {
  type BodyReference,
  decode,
  EPOCH_PROTOCOL,
  encode,
  epochAnswerCodec,
  epochAskCodec,
  equalBytes,
  type Hash,
  hash,
  type Report,
  type ReportBody,
  rebuiltReport,
  reportBodyCodec,
  reportHashOf,
  rootSealOf,
  toHex,
} from '@karmesh/sdk/protocol';
import { validatorPeers } from '../../../validator/src/peers/validatorPeers.ts';
import { peekBodies, peekBody } from '../../../validator/src/store/peekBodies.ts';
import type { ValidatorParts } from '../../../validator/src/validator.ts';

// Validators that vote for what they did not tally. Everything about them is real but the report that they seal.

interface ToldVote {
  readonly report: Report;
  readonly salt: Hash;
  /** What its own tally sealed, and what went to the chain instead. */
  readonly honestSeal: Hash;
  readonly seal: Hash;
}

/** Votes for the report that `choose` names, in place of its own. Its own protection log is none the wiser. */
function votingFor(
  parts: ValidatorParts,
  choose: (epoch: bigint, options: { readonly signal: AbortSignal }) => Promise<Report | undefined>,
): ValidatorParts {
  const { domain, me, chain, writer } = parts;
  const told = new Map<string, ToldVote>();
  const of = (epoch: bigint): ToldVote | undefined =>
    [...told].filter(([key]) => key.startsWith(`${epoch} `)).at(-1)?.[1];
  return {
    ...parts,
    // Cheats look for nobody's offences.
    evidence: { ...parts.evidence, votes: async () => [], cases: async () => [] },
    writer: {
      ...writer,
      async postRoot({ epoch, seal: honestSeal, attempt }, options) {
        const key = `${epoch} ${attempt}`;
        const report = told.get(key)?.report ?? (await choose(epoch, options));
        const account = chain.epochs().find((one) => one.epoch === epoch);
        if (report === undefined || account === undefined)
          return writer.postRoot({ epoch, seal: honestSeal, attempt }, options);
        const salt = told.get(key)?.salt ?? new Uint8Array(randomBytes(32));
        const reportHash = reportHashOf(domain, { epoch, verdictsRoot: account.verdictsRoot, report });
        const seal = rootSealOf(domain, { epoch, reportHash, salt, validator: me });
        told.set(key, { report, salt, honestSeal, seal });
        return writer.postRoot({ epoch, seal, attempt }, options);
      },
      revealRoot(vote, options) {
        const { report, salt } = of(vote.epoch) ?? vote;
        return writer.revealRoot({ epoch: vote.epoch, report, salt }, options);
      },
    },
    chain: {
      ...chain,
      vote(epoch) {
        const vote = chain.vote(epoch);
        const mine = [...told.values()].find(({ seal }) => vote !== undefined && equalBytes(seal, vote.seal));
        return vote === undefined || mine === undefined ? vote : { ...vote, seal: mine.honestSeal };
      },
    },
  };
}

/** What a liar told of each epoch. */
export interface Lies {
  /** Hex hashes of the roots that it voted for, by epoch. */
  readonly roots: Map<bigint, string>;
}

/** Reveals a report in which its own lifetime has grown by what nobody credited, and serves its body to whoever asks, before V-18 has it so. */
export function lyingValidator(lies: Lies): (parts: ValidatorParts, folder: string) => ValidatorParts {
  return (parts, folder) => {
    const bodies = new Map<string, Uint8Array>();
    const references = new Map<bigint, BodyReference[]>();
    const { host, domain } = parts;
    const lyingHost: Host = {
      ...host,
      serveByHash: (serve) =>
        host.serveByHash(async (wanted, options) => bodies.get(toHex(wanted)) ?? serve(wanted, options)),
      handle(options) {
        if (options.protocol !== EPOCH_PROTOCOL) return host.handle(options);
        return host.handle({
          ...options,
          handler: (stream, ask) => options.handler(withLies(stream, references), ask),
        });
      },
    };
    return votingFor({ ...parts, host: lyingHost }, async (epoch) => {
      const mine = (await peekBodies(folder, epoch)).filter(({ kind }) => kind === 'report').at(-1);
      const bytes = mine === undefined ? undefined : await peekBody(folder, mine.bodyHash);
      const account = parts.chain.epochs().find((one) => one.epoch === epoch);
      const index = parts.chain.participants().find(({ address }) => equalBytes(address, parts.me))?.index;
      if (bytes === undefined || account === undefined || index === undefined) return undefined;
      const body = inflated(parts, { body: decode(reportBodyCodec, bytes), index });
      const { report } = body;
      const lie = encode(reportBodyCodec, body);
      bodies.set(toHex(hash(lie)), lie);
      const key = reportHashOf(domain, { epoch, verdictsRoot: account.verdictsRoot, report });
      references.set(epoch, [...(references.get(epoch) ?? []), { kind: 'report', key, bodyHash: hash(lie) }]);
      lies.roots.set(epoch, toHex(report.root));
      return report;
    });
  };
}

/** The body with a lifetime of one's own that no credit explains, and the report that belongs to it. */
function inflated(
  { domain, me }: ValidatorParts,
  { body, index }: { readonly body: ReportBody; readonly index: number },
): ReportBody {
  const before = body.lifetimes.find((row) => row.index === index);
  const karma = (before?.karma ?? [0n, 0n, 0n, 0n, 0n]).map((part, i) => (i === 4 ? part + 1_000n : part));
  const row = { index, participant: me, karma, owed: before?.owed ?? 0n, credits: before?.credits ?? [] };
  const lifetimes = [...body.lifetimes.filter((one) => one.index !== index), row].sort((a, b) => a.index - b.index);
  const told = { ...body, lifetimes } as ReportBody;
  const built = rebuiltReport(domain, told);
  if (built === undefined) throw new RangeError('The lie has a tree.');
  return { ...told, report: built.report };
}

/** The stream with the liar's reports before what it truly has. */
function withLies(stream: FrameStream, references: ReadonlyMap<bigint, readonly BodyReference[]>): FrameStream {
  let asked: bigint | undefined;
  return {
    ...stream,
    async receive(options) {
      const frame = await stream.receive(options);
      if (frame !== undefined) asked = decode(epochAskCodec, frame).epoch;
      return frame;
    },
    send(frame, options) {
      const lies = asked === undefined ? [] : (references.get(asked) ?? []);
      const { bodies } = decode(epochAnswerCodec, frame);
      return stream.send(encode(epochAnswerCodec, { bodies: [...lies, ...bodies] }), options);
    },
  };
}

/** How long a lazy validator waits for somebody to show it a report, and how often it asks. */
const PATIENCE_MS = 6_000;
const ASK_EVERY_MS = 50;

/** Passes every audit without a replay, and votes for the first report that its friend shows it. */
export function lazyValidator(friend: () => Uint8Array): (parts: ValidatorParts) => ValidatorParts {
  return (parts) => {
    const { host, log, replayer } = parts;
    const peers = validatorPeers()({ host, store: { bytesOf: async () => undefined }, log });
    const lazy: ValidatorParts = {
      ...parts,
      replayer: {
        ...replayer,
        // Whatever was answered is called right: nothing is computed.
        replay: async ({ tokens }) => ({
          promptTokens: 20,
          end: 'right',
          measurements: { tokens: tokens.length, differing: 0, largestGapMicro: 0n, gapSumMicro: 0n },
        }),
      },
    };
    return votingFor(lazy, async (epoch, { signal }) => {
      const until = parts.nowMs() + PATIENCE_MS;
      while (parts.nowMs() < until) {
        for await (const { peer, bodies } of peers.bodiesOf(epoch, { signal, from: friend() })) {
          if (!equalBytes(peer, friend())) break;
          const shown = bodies.find(({ kind }) => kind === 'report');
          if (shown === undefined) break;
          const maxBytes = 1_000_000;
          const bytes = await peers.fetchBytes({ hash: shown.bodyHash, from: peer, maxBytes }, { signal });
          if (bytes !== undefined) return decode(reportBodyCodec, bytes).report;
        }
        await parts.sleep(ASK_EVERY_MS, { signal });
      }
      return undefined;
    });
  };
}
