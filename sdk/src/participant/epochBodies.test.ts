import { expect, test } from 'vitest';
import { KarmeshError } from '../errors.ts';
import type { Announcement, FrameStream } from '../network/index.ts';
import type { EpochAccount } from '../program/index.ts';
import {
  buildReport,
  decode,
  encode,
  epochAnswerCodec,
  epochAskCodec,
  hash,
  type ManifestBody,
  manifestBodyCodec,
  manifestHashOf,
  manifestRoots,
  reportBody,
  reportBodyCodec,
  reportHashOf,
  type TallyResult,
  type Verdict,
  ZERO_HASH,
} from '../protocol/index.ts';
import { logger } from '../runtime/index.ts';
import { epochBodies } from './epochBodies.ts';

const domain = new Uint8Array(32).fill(7);
const identity = new Uint8Array(32).fill(1);
const { signal } = new AbortController();
const body: ManifestBody = { epoch: 3n, entries: [], groups: [], slotHashes: [], escrows: [] };
const bytes = encode(manifestBodyCodec, body);
const manifestHash = manifestHashOf(domain, manifestRoots(domain, body));
const result: TallyResult = {
  lifetimes: [],
  escrowDebits: [],
  carried: [],
  credits: new Map(),
  settlements: [],
  decisions: new Map(),
};
const { report } = buildReport(domain, { epoch: 3n, result, priorRoot: ZERO_HASH });
const ended = reportBody({ epoch: 3n, report, result, verdicts: [] });
const reportHash = reportHashOf(domain, { epoch: 3n, verdictsRoot: ZERO_HASH, report });
const validator: Announcement = {
  identity,
  incarnation: 1n,
  sequence: 1n,
  role: 'validator',
  participant: identity,
  multiaddrs: [],
  engineClass: new Uint8Array(32),
  models: [],
  health: undefined,
};

const JUNK = new Uint8Array([1, 2, 3]);
const liar = (i: number): Uint8Array => new Uint8Array(32).fill(100 + i);

/** Bodies fetched from one validator that serves `served` under the manifest's hash; `inView` is what the view still follows. */
function bodiesFrom(options: {
  readonly served?: Uint8Array;
  readonly state?: number;
  readonly inView?: boolean;
  readonly isDown?: boolean;
  readonly kind?: 'manifest' | 'report';
  /** Others, who give something else than what stands for the key by their own word. */
  readonly liars?: number;
}) {
  const { served = bytes, state = 2, inView = false, kind = 'manifest' } = options;
  const read: bigint[] = [];
  const account = { epoch: 3n, state, manifestHash, reportHash, verdictsRoot: ZERO_HASH } as EpochAccount;
  const key = kind === 'manifest' ? manifestHash : reportHash;
  const bodies = epochBodies({
    domain,
    view: { epochAccount: () => (inView ? account : undefined) },
    readEpoch: async (epoch) => {
      read.push(epoch);
      return epoch === 3n ? account : undefined;
    },
    host: {
      announcements: () => [
        ...Array.from({ length: options.liars ?? 0 }, (_, i) => ({ ...validator, identity: liar(i) })),
        validator,
      ],
      async openStream({ peer }) {
        if (options.isDown === true) throw new KarmeshError('PEER_UNREACHABLE', 'It is down.');
        let asked: bigint | undefined;
        return {
          send: async (frame: Uint8Array) => {
            asked = decode(epochAskCodec, frame).epoch;
          },
          receive: async () =>
            encode(epochAnswerCodec, {
              bodies: asked === 3n ? [{ kind, key, bodyHash: hash(peer[0] === 1 ? served : JUNK) }] : [],
            }),
          close: async () => {},
          [Symbol.asyncDispose]: async () => {},
        } as unknown as FrameStream;
      },
      fetchByHash: async ({ peer }) => (peer[0] === 1 ? served : JUNK),
    },
    log: logger({ name: 'test', level: 'silent' })(),
  });
  return { bodies, read };
}

test('finds the body of an epoch that the view follows', async () => {
  const { bodies, read } = bodiesFrom({ inView: true });
  expect(await bodies.manifest(3n, { signal })).toEqual(body);
  expect(read).toEqual([]);
});

test('reads the account of an epoch that the view no longer follows', async () => {
  const { bodies, read } = bodiesFrom({});
  expect(await bodies.manifest(3n, { signal })).toEqual(body);
  expect(await bodies.manifest(2n, { signal })).toBeUndefined();
  expect(read).toEqual([3n, 2n]);
});

test('gives nothing before two thirds have attested, and nothing of a validator that is down', async () => {
  expect(await bodiesFrom({ state: 1 }).bodies.manifest(3n, { signal })).toBeUndefined();
  expect(await bodiesFrom({ isDown: true }).bodies.manifest(3n, { signal })).toBeUndefined();
});

test('asks the next validator where one gives something else for the key', async () => {
  // Who is asked first is drawn, so that no order hides it.
  for (let i = 0; i < 20; i++)
    expect(await bodiesFrom({ inView: true, liars: 3 }).bodies.manifest(3n, { signal })).toEqual(body);
});

test('believes no body that does not reach the hash on chain', async () => {
  const another = encode(manifestBodyCodec, { ...body, epoch: 4n });
  for (const served of [another, bytes.subarray(1), new Uint8Array()]) {
    expect(await bodiesFrom({ served }).bodies.manifest(3n, { signal })).toBeUndefined();
  }
});

test('U-06: believes no verdicts in a report that are not those which were voted for', async () => {
  const find = (body: typeof ended) =>
    bodiesFrom({ kind: 'report', state: 5, served: encode(reportBodyCodec, body) }).bodies.report(3n, { signal });
  expect((await find(ended))?.body).toEqual(ended);
  const value: Verdict = {
    epoch: 3n,
    entryHash: hash(domain),
    receiptHash: hash(domain),
    validator: identity,
    attempt: 0,
    verdict: 'pass',
    rule: 0,
    measurementsHash: hash(new Uint8Array([1])),
  };
  expect(await find({ ...ended, verdicts: [{ value, signature: new Uint8Array(64) }] })).toBeUndefined();
});
