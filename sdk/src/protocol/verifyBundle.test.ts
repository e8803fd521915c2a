import { describe, expect, test } from 'vitest';
import { KarmeshError } from '../errors.ts';
import { nativeVerifySignature } from '../runtime/nativeVerifySignature.ts';
import { chainPreimage } from './assignment.ts';
import { type Bundle, type BundleFile, decodeBundle, encodeBundle, placeInReport, placeInSet } from './bundle.ts';
import { compareBytes, concatBytes, equalBytes, toHex } from './bytes.ts';
import { entryHashOf } from './entry.ts';
import { type EntryPlan, EPOCH_ZERO_SLOT, label, Market, SLOTS_PER_EPOCH, signerOf } from './fixtures/market.ts';
import { type ManifestBody, manifestHashOf, manifestRoots } from './manifest.ts';
import { type ModelManifest, modelIdOf } from './model.ts';
import { CHAIN_PARAMETERS, type ChainParameters, type OffchainParameters } from './parameters.ts';
import { buildReport, reportBody, reportHashOf } from './report.ts';
import { type InferenceRequest, requestIdOf } from './request.ts';
import type { VerifySignature } from './signature.ts';
import { tally } from './tally.ts';
import { type BundleChain, verifyBundle } from './verifyBundle.ts';

const model: ModelManifest = {
  name: 'tiny',
  fileHash: label('file'),
  fileBytes: 3_521_056n,
  architecture: 'llama',
  quantisation: 'Q8_0',
  tokenizerHash: label('tokenizer'),
  templateHash: label('template'),
  totalParameters: 3_279_104n,
  activeParameters: 3_279_104n,
  contextLength: 512,
  vocabulary: 1024,
  licence: 'Apache-2.0',
};
// A flipped byte touches few signatures; what the others say is known.
const known = new Map<string, boolean>();
const verify: VerifySignature = (check) => {
  const key = toHex(concatBytes(check.message, check.signature, check.identity));
  const holds = known.get(key) ?? nativeVerifySignature(check);
  known.set(key, holds);
  return holds;
};
const market = new Market({ modelId: modelIdOf(model), verify });
const { domain } = market;
const request: InferenceRequest = {
  modelId: market.modelId,
  assurance: 'quorum',
  maxTokens: 8,
  temperatureMicro: 0,
  stops: ['.'],
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
  blinding: label('blinding'),
};
const plan: EntryPlan = {
  roles: ['x', 'y', 'x'],
  ticket: (value) => ({ ...value, requestId: requestIdOf(domain, request) }),
};
const checked = market.checked(plan);
const others = [2n, 3n].map((dispatchNumber) => market.checked({ dispatchNumber }));
const all = [checked, ...others].sort((a, b) => compareBytes(entryHashOf(a.entry), entryHashOf(b.entry)));
const escrow = label('escrow');
const group = {
  epoch: 1n,
  engineClass: market.engineClass,
  modelId: market.modelId,
  candidates: market.candidates,
};
const manifest: ManifestBody = {
  epoch: 1n,
  entries: all.map(({ entry }) => ({ entryHash: entryHashOf(entry), price: entry.outcome.value.price })),
  groups: [group],
  slotHashes: [1n, 2n, 3n].map((n) => ({ slot: 1150n + n, slotHash: market.slotHash(1150n + n) })),
  escrows: [{ escrow, gateway: label('gateway'), available: 10n ** 9n, cumulativeDebit: 0n }],
};
const parameters: ChainParameters = {
  ...(Object.fromEntries(CHAIN_PARAMETERS.map((name) => [name, 0n])) as ChainParameters),
  slotsPerEpoch: SLOTS_PER_EPOCH,
  workerShareBps: 8000n,
  feeShareBps: 500n,
  auditShareBps: 500n,
  gatewayShareBps: 500n,
  kappaMicroKarmaPerLamport: 1100n,
  listPriceLamports: market.listPrice,
};
const offchain: OffchainParameters = {
  weightFloor: 1_000_000n,
  weightCap: 9_000_000n,
  dispatchMaxAgeSlots: 8n,
  clockToleranceMs: 5_000n,
  latencyBaseMs: 500n,
  latencyPerTokenMs: 50n,
  auditRateStream: 0n,
  auditRateQuorum: 0n,
  auditRateProof: 0n,
  largestGapMicro: 0n,
  gapSumMicroPer1000: 0n,
  differingPer1000: 0n,
  validationKarmaPerVerdict: 0n,
  proofDeadlineSlots: 9_000n,
};
const result = tally({
  domain,
  epoch: 1n,
  chain: parameters,
  offchain,
  prior: { root: new Uint8Array(32), lifetimes: [], escrowDebits: [], carried: [] },
  entries: all,
  carried: [],
  escrows: manifest.escrows,
  beacon: label('beacon'),
  verdicts: [],
  validators: [],
  indexOf: (participant) =>
    market.candidates.find((candidate) => equalBytes(candidate.participant, participant))?.index ?? 20,
});
const { report } = buildReport(domain, { epoch: 1n, result, priorRoot: new Uint8Array(32) });
const verdictsRoot = label('verdicts');
const commitment = chainPreimage({ secret: label('chain 1'), length: 256 }, 0n);

function made<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError('The fixture lacks a place.');
  return value;
}
const bundle: Bundle = {
  cluster: { genesisHash: label('genesis'), programId: label('program') },
  gateway: { identity: signerOf('gateway').publicKey, commitment, length: 256 },
  request,
  tokens: Array.from({ length: 8 }, () => 'x'.charCodeAt(0)),
  model,
  entry: checked.entry,
  slotHash: market.slotHash(1151n),
  candidates: group,
  set: made(placeInSet(domain, { manifest, entry: checked.entry })),
  report: made(
    placeInReport(domain, {
      body: reportBody({ epoch: 1n, report, result, verdicts: [] }),
      verdictsRoot,
      entry: checked.entry,
    }),
  ),
};
const chain: BundleChain = {
  genesisHash: label('genesis'),
  programId: label('program'),
  epochZeroSlot: EPOCH_ZERO_SLOT,
  parameters,
  changes: [],
  offchain,
  gatewayIdentity: (gateway) => (equalBytes(gateway, label('gateway')) ? signerOf('gateway').publicKey : undefined),
  chain: () => ({ commitment, length: 256 }),
  escrowGateway: (address) => (equalBytes(address, escrow) ? label('gateway') : undefined),
  epoch: (epoch) =>
    epoch === 1n
      ? {
          manifestHash: manifestHashOf(domain, manifestRoots(domain, manifest)),
          reportHash: reportHashOf(domain, { epoch: 1n, verdictsRoot, report }),
          isFinalised: true,
        }
      : undefined,
};
const file = encodeBundle(bundle);

/** Whether a bundle's file is refused while it is read, fails, waits, or holds. */
function judge(given: BundleFile, on: BundleChain = chain): 'refused' | 'fails' | 'holds' {
  let decoded: Bundle;
  try {
    decoded = decodeBundle(given);
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'BUNDLE_INVALID') return 'refused';
    throw error;
  }
  return verifyBundle(decoded, on, { verify }).holds ? 'holds' : 'fails';
}

test('B-01 to B-08: a whole bundle holds, also after writing and reading', () => {
  const verdict = verifyBundle(bundle, chain, { verify });
  expect(verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
  expect(verdict.pending).toEqual([]);
  expect(verdict.holds).toBe(true);
  expect(decodeBundle(JSON.parse(JSON.stringify(file)))).toEqual(bundle);
});

test.each(Object.entries(file.parts))(
  'B-01 to B-07: no bit of the part %s can be flipped',
  { timeout: 120_000 },
  (name, hex) => {
    const held: number[] = [];
    for (let i = 0; i < hex.length / 2; i++) {
      const byte = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16) ^ (1 << (i % 8));
      const changed = `${hex.slice(0, 2 * i)}${byte.toString(16).padStart(2, '0')}${hex.slice(2 * i + 2)}`;
      if (judge({ ...file, parts: { ...file.parts, [name]: changed } }) === 'holds') held.push(i);
    }
    expect(held).toEqual([]);
  },
);

describe('B-01: reading', () => {
  test.each(Object.keys(file.parts).filter((name) => name !== 'set' && name !== 'report'))(
    'B-01: a bundle without %s is refused',
    (name) => {
      const { [name]: _, ...parts } = file.parts;
      expect(() => decodeBundle({ ...file, parts })).toThrow('A part of the bundle is missing.');
    },
  );

  test.each<readonly [string, unknown]>([
    ['nothing', null],
    ['a list', []],
    ['another format', { ...file, format: 'karmesh-bundle-2' }],
    ['another field', { ...file, more: 1 }],
    ['no parts', { format: file.format }],
    ['an unknown part', { ...file, parts: { ...file.parts, more: '00' } }],
    ['a part that is no text', { ...file, parts: { ...file.parts, slotHash: 5 } }],
    ['a part that is no hexadecimal', { ...file, parts: { ...file.parts, slotHash: 'zz' } }],
    ['a part with a byte more', { ...file, parts: { ...file.parts, slotHash: `${file.parts.slotHash}00` } }],
    ['a part named as the prototype is', { ...file, parts: { ...file.parts, __proto__x: '00' } }],
  ])('B-01: %s is refused', (_, given) => {
    let code = 'read';
    try {
      decodeBundle(given);
    } catch (error) {
      code = error instanceof KarmeshError ? error.code : 'not ours';
    }
    expect(code).toBe('BUNDLE_INVALID');
  });
});

test('P-36: a bundle is judged by what held in its epoch, whatever votes changed since', () => {
  const dispatched = verifyBundle(bundle, chain, { verify }).epoch ?? 0n;
  const priced = { ...chain, parameters: { ...parameters, listPriceLamports: 1n } };
  const price = BigInt(CHAIN_PARAMETERS.indexOf('listPriceLamports'));
  const change = (fromEpoch: bigint) => [{ index: price, fromEpoch, before: parameters.listPriceLamports }];
  expect(judge(file, priced)).toBe('fails');
  expect(judge(file, { ...priced, changes: change(dispatched) })).toBe('fails');
  expect(judge(file, { ...priced, changes: change(dispatched + 1n) })).toBe('holds');
  const share = BigInt(CHAIN_PARAMETERS.indexOf('workerShareBps'));
  const shared = { ...chain, parameters: { ...parameters, workerShareBps: 5_000n } };
  const shares = (fromEpoch: bigint) => [{ index: share, fromEpoch, before: parameters.workerShareBps }];
  const counted = made(bundle.report).epoch;
  expect(judge(file, { ...shared, changes: shares(counted) })).toBe('fails');
  expect(judge(file, { ...shared, changes: shares(counted + 1n) })).toBe('holds');
});

describe('B-08: what the chain cannot say yet', () => {
  const { set: _, report: __, ...young } = bundle;
  test.each<readonly [string, Bundle, BundleChain, string]>([
    [
      'not closed',
      young,
      chain,
      'The bundle does not say yet how its epoch was closed; fetch it again once the epoch is final.',
    ],
    [
      'not reported',
      { ...young, set: made(bundle.set) },
      chain,
      'The bundle does not say yet how its epoch was reported; fetch it again once the epoch is final.',
    ],
    [
      'not final',
      bundle,
      { ...chain, epoch: (epoch) => withFinal(chain.epoch(epoch)) },
      'The epoch of this answer is not final yet.',
    ],
  ])('B-08: %s', (_name, given, on, sentence) => {
    const verdict = verifyBundle(given, on, { verify });
    expect(verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
    expect({ holds: verdict.holds, pending: verdict.pending }).toEqual({ holds: false, pending: [sentence] });
  });

  function withFinal(account: ReturnType<BundleChain['epoch']>): ReturnType<BundleChain['epoch']> {
    return account === undefined ? undefined : { ...account, isFinalised: false };
  }
});

test.each<readonly [string, Partial<BundleChain>]>([
  ['another cluster', { genesisHash: label('another genesis') }],
  ['another program', { programId: label('another program') }],
  ['another gateway’s key', { gatewayIdentity: () => label('another key') }],
  ['a gateway that is not registered', { gatewayIdentity: () => undefined }],
  ['another hash chain', { chain: () => ({ commitment: label('another chain'), length: 256 }) }],
  ['no hash chain', { chain: () => undefined }],
  ['an escrow that is not there', { escrowGateway: () => undefined }],
  ['no such epoch', { epoch: () => undefined }],
  ['a later start', { epochZeroSlot: 2000n }],
])('B-02 to B-07: a bundle fails on a chain with %s', (_, changes) => {
  expect(judge(file, { ...chain, ...changes })).toBe('fails');
});

test('B-04: a bundle of another answer’s tokens fails', () => {
  expect(verifyBundle({ ...bundle, tokens: bundle.tokens.slice(1) }, chain, { verify }).holds).toBe(false);
});

test('B-08: a bundle of an answer without a price needs no report, for none says anything of it', () => {
  const free = market.checked({
    ...plan,
    ticket: (value) => ({ ...value, requestId: requestIdOf(domain, request), priceCap: 0n }),
  });
  const set: ManifestBody = { ...manifest, entries: [{ entryHash: entryHashOf(free.entry), price: 0n }] };
  const { report: _, ...rest } = bundle;
  const place = made(placeInSet(domain, { manifest: set, entry: free.entry }));
  const judged = (isFinalised: boolean): Pick<ReturnType<typeof verifyBundle>, 'holds' | 'pending'> => {
    const manifestHash = manifestHashOf(domain, manifestRoots(domain, set));
    const epoch: BundleChain['epoch'] = () => ({ manifestHash, reportHash: label('report'), isFinalised });
    const { holds, pending } = verifyBundle(
      { ...rest, entry: free.entry, set: place },
      { ...chain, epoch },
      { verify },
    );
    return { holds, pending };
  };
  expect([judged(true), judged(false)]).toEqual([
    { holds: true, pending: [] },
    { holds: false, pending: ['The epoch of this answer is not final yet.'] },
  ]);
});

test('B-07: a bundle that leaves a credited worker out fails', () => {
  const place = made(bundle.report);
  const short = { ...bundle, report: { ...place, credits: place.credits.slice(1) } };
  expect(verifyBundle(short, chain, { verify }).holds).toBe(false);
});
