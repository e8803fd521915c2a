import { KarmeshError } from '../errors.ts';
import { type CandidateGroup, candidateGroupCodec, candidateGroupLeaf } from './assignment.ts';
import { MAX_CHALLENGE_BYTES } from './auditFrames.ts';
import { equalBytes, fromHex, toHex } from './bytes.ts';
import { byteString, type Codec, type Decoded, decode, encode, fixedBytes, struct, u32, u64, vector } from './codec.ts';
import { karmaCodec } from './creditList.ts';
import { type Entry, entryCodec, entryHashOf } from './entry.ts';
import { type Hash, hashCodec } from './hash.ts';
import type { Domain } from './header.ts';
import { participantCodec } from './ids.ts';
import {
  candidateGroupsTree,
  type ManifestBody,
  manifestRecord,
  manifestRoots,
  receiptSetTree,
  slotHashesTree,
} from './manifest.ts';
import { checkSumPath, sumPathCodec } from './merkle.ts';
import { type ModelManifest, modelManifestCodec } from './model.ts';
import { tokensCodec } from './output.ts';
import { type ReportBody, reportCodec, treesOfBody } from './report.ts';
import { type InferenceRequest, inferenceRequestCodec } from './request.ts';
import { identityCodec } from './signature.ts';

/** B-01: which cluster and program the bundle belongs to. */
const clusterCodec = struct({ genesisHash: hashCodec, programId: fixedBytes(32) });

/** B-01: what the chain said of the gateway in the dispatch's epoch: who signs for it, and its committed hash chain. */
const gatewayCodec = struct({ identity: identityCodec, commitment: hashCodec, length: u32 });

/** B-05: where the entry stands in its epoch's closed set, and the paths of what its draw used. */
const setPlaceCodec = struct({
  manifest: manifestRecord.fields,
  entryIndex: u32,
  entryPath: sumPathCodec(1),
  groupIndex: u32,
  groupPath: sumPathCodec(1),
  slotHashIndex: u32,
  slotHashPath: sumPathCodec(0),
});

/** B-06: what one agreeing worker was credited, with its paths to the report's root. */
const creditPlaceCodec = struct({
  participant: participantCodec,
  participantIndex: u32,
  receiptHash: hashCodec,
  karma: karmaCodec,
  owed: u64,
  creditIndex: u32,
  creditPath: sumPathCodec(6),
  receiptsRoot: hashCodec,
  lifetimeKarma: karmaCodec,
  lifetimeOwed: u64,
  lifetimePath: sumPathCodec(6),
});
export type CreditPlace = Decoded<typeof creditPlaceCodec>;

/** B-06: the report that credited the entry; later than the set's epoch if the entry was carried. */
const reportPlaceCodec = struct({
  epoch: u64,
  verdictsRoot: hashCodec,
  report: reportCodec,
  credits: vector(creditPlaceCodec, 8),
});

/** The parts of a bundle, each with its codec: the file holds each as hexadecimal under its name. */
const PARTS = {
  cluster: clusterCodec,
  gateway: gatewayCodec,
  request: inferenceRequestCodec,
  tokens: tokensCodec,
  model: modelManifestCodec,
  entry: entryCodec,
  slotHash: hashCodec,
  candidates: candidateGroupCodec,
} as const;

/** B-05 and B-06: parts that exist once the epoch is closed, and once it is reported. */
const LATE_PARTS = {
  set: setPlaceCodec,
  report: reportPlaceCodec,
  /** B-09: what the worker of a `proof` request proved of the token that was challenged (Z-47). */
  challenge: byteString(MAX_CHALLENGE_BYTES),
} as const;

/** Everything somebody needs to recheck one answer: what was asked and answered, all that was signed, the draw, and the paths to the roots on chain. */
export interface Bundle {
  readonly cluster: Decoded<typeof clusterCodec>;
  readonly gateway: Decoded<typeof gatewayCodec>;
  readonly request: InferenceRequest;
  readonly tokens: readonly number[];
  readonly model: ModelManifest;
  readonly entry: Entry;
  readonly slotHash: Hash;
  readonly candidates: CandidateGroup;
  readonly set?: Decoded<typeof setPlaceCodec>;
  readonly report?: Decoded<typeof reportPlaceCodec>;
  readonly challenge?: Uint8Array;
}

export const BUNDLE_FORMAT = 'karmesh-bundle-1';

/** B-01: the JSON form of a bundle. */
export interface BundleFile {
  readonly format: typeof BUNDLE_FORMAT;
  readonly parts: Readonly<Record<string, string>>;
}

/** B-01: writes a bundle as JSON-ready hexadecimal parts. */
export function encodeBundle(bundle: Bundle): BundleFile {
  const parts: Record<string, string> = {};
  for (const [name, codec] of Object.entries({ ...PARTS, ...LATE_PARTS })) {
    const value = bundle[name as keyof Bundle];
    if (value !== undefined) parts[name] = toHex(encode(codec as Codec<unknown>, value));
  }
  return { format: BUNDLE_FORMAT, parts };
}

/** B-01: reads a bundle strictly. Throws `BUNDLE_INVALID` on an unknown format or part, a missing part, or bytes that are not exactly one value. */
export function decodeBundle(file: unknown): Bundle {
  const invalid = (sentence: string, facts: Record<string, string> = {}, cause?: unknown): KarmeshError =>
    new KarmeshError('BUNDLE_INVALID', sentence, facts, cause);
  if (typeof file !== 'object' || file === null || !('format' in file) || file.format !== BUNDLE_FORMAT) {
    throw invalid('This is not a receipt bundle of a known format.', { expected: BUNDLE_FORMAT });
  }
  const unknown = Object.keys(file).find((key) => key !== 'format' && key !== 'parts');
  if (unknown !== undefined) throw invalid('A bundle has a field that it must not have.', { field: unknown });
  const raw = 'parts' in file ? file.parts : undefined;
  if (typeof raw !== 'object' || raw === null) throw invalid('A bundle has no parts.');
  const parts: Record<string, unknown> = {};
  for (const [name, hex] of Object.entries(raw)) {
    const codec = ({ ...PARTS, ...LATE_PARTS } as Readonly<Record<string, Codec<unknown>>>)[name];
    if (codec === undefined || typeof hex !== 'string')
      throw invalid('A bundle has a part that it must not have.', { part: name });
    try {
      parts[name] = decode(codec, fromHex(hex));
    } catch (cause) {
      throw invalid('A part of the bundle cannot be read.', { part: name }, cause);
    }
  }
  const missing = Object.keys(PARTS).find((name) => parts[name] === undefined);
  if (missing !== undefined) throw invalid('A part of the bundle is missing.', { part: missing });
  return parts as unknown as Bundle;
}

/** B-05: the place of an entry in a closed set; undefined if the manifest does not hold it with its group and slot hash. */
export function placeInSet(
  domain: Domain,
  options: { readonly manifest: ManifestBody; readonly entry: Entry },
): Bundle['set'] {
  const { manifest, entry } = options;
  const entryHash = entryHashOf(entry);
  const dispatch = entry.dispatch.value;
  const entryIndex = manifest.entries.findIndex((row) => equalBytes(row.entryHash, entryHash));
  const slotHashIndex = manifest.slotHashes.findIndex(({ slot }) => slot === dispatch.slot);
  const groupIndex = manifest.groups.findIndex(
    (group) =>
      equalBytes(group.engineClass, dispatch.engineClass) &&
      equalBytes(group.modelId, dispatch.modelId) &&
      group.candidates.some(({ participant }) =>
        entry.evidence.receipts.some(({ receipt }) => equalBytes(receipt.value.worker, participant)),
      ) &&
      group.epoch === entry.evidence.receipts[0]?.receipt.value.epoch,
  );
  if (entryIndex < 0 || slotHashIndex < 0 || groupIndex < 0) return undefined;
  return {
    manifest: manifestRoots(domain, manifest),
    entryIndex,
    entryPath: receiptSetTree(domain, manifest).path(entryIndex),
    groupIndex,
    groupPath: candidateGroupsTree(domain, manifest.groups).path(groupIndex),
    slotHashIndex,
    slotHashPath: slotHashesTree(domain, manifest.slotHashes).path(slotHashIndex),
  };
}

/** B-06: what a report credits for an entry; undefined if it credits nothing or the body is not what it states. */
export function placeInReport(
  domain: Domain,
  options: { readonly body: ReportBody; readonly verdictsRoot: Hash; readonly entry: Entry },
): Bundle['report'] {
  const { body, entry, verdictsRoot } = options;
  const built = treesOfBody(domain, body);
  if (built === undefined) return undefined;
  const entryHash = entryHashOf(entry);
  const credits: CreditPlace[] = [];
  for (const { receipt } of entry.evidence.receipts) {
    const row = body.lifetimes.find(({ participant }) => equalBytes(participant, receipt.value.worker));
    const creditIndex = [...(row?.credits ?? [])].findIndex((credit) => equalBytes(credit.entryHash, entryHash));
    const credit = creditIndex < 0 ? undefined : row?.credits.at(creditIndex);
    const tree = built.trees.credits.get(toHex(receipt.value.worker));
    if (row === undefined || credit === undefined || tree === undefined) continue;
    credits.push({
      participant: row.participant,
      participantIndex: row.index,
      receiptHash: credit.receiptHash,
      karma: credit.karma,
      owed: credit.owed,
      creditIndex,
      creditPath: tree.path(creditIndex),
      receiptsRoot: tree.root.hash,
      lifetimeKarma: row.karma,
      lifetimeOwed: row.owed,
      lifetimePath: built.trees.lifetimes.path(row.index),
    });
  }
  return credits.length === 0 ? undefined : { epoch: body.epoch, verdictsRoot, report: body.report, credits };
}

/** true if the group's table reaches the manifest's candidatesRoot. The root's sum follows from the path, so only the hash is compared. */
export function groupReaches(
  domain: Domain,
  options: { readonly group: CandidateGroup; readonly set: NonNullable<Bundle['set']> },
): boolean {
  const leaf = candidateGroupLeaf(domain, options.group);
  const { set } = options;
  return checkSumPathHash({
    leaf,
    index: set.groupIndex,
    path: set.groupPath,
    root: set.manifest.candidatesRoot,
  });
}

/**
 * T-02 without stated sums at the root: the sums are inside the hashes, so a false one cannot reach the root. A bundle names the
 * number of leaves only where something signed holds it; elsewhere the path's own length says all that the number would, and
 * the bundle has no field that could be changed unnoticed.
 */
export function checkSumPathHash(
  check: Omit<Parameters<typeof checkSumPath>[0], 'root' | 'count'> & { readonly root: Hash; readonly count?: number },
): boolean {
  const sums = check.path.reduce(
    (total, node) => total.map((value, i) => value + (node.sums[i] ?? 0n)),
    [...check.leaf.sums],
  );
  return checkSumPath({ ...check, count: check.count ?? 2 ** check.path.length, root: { hash: check.root, sums } });
}
