import { accuseAttester, decodeFault, FAULT, type FaultAccount, proveBadSignature } from '@karmesh/sdk/program';
import {
  badSignatureEvidence,
  type Candidate,
  compareBytes,
  type Entry,
  entryHashOf,
  falseAttestationKey,
  type Hash,
  type ManifestBody,
  manifestHashOf,
  manifestRoots,
  type WorkerRecord,
} from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';
import { type FixtureMarket, fixtureMarket } from '../../validator/src/fixtures/market.ts';
import { sendAttest, toClosedWith } from './epochSteps.ts';
import { buffered } from './evidenceSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import type { Ran } from './ledger/ledger.ts';
import { firstSlot, type Member, must, readConfig, type World } from './world.ts';

/** A market of real records under the domain and in the slots of a world that has started. */
export async function marketOf(world: World): Promise<FixtureMarket> {
  const { epochZeroSlot } = await readConfig(world);
  return fixtureMarket({
    slotsPerEpoch: world.parameters.slotsPerEpoch,
    domain: world.domain,
    keypairOf: (name) => namedKey(`market ${name}`),
    epochZeroSlot: () => epochZeroSlot,
  });
}

/** An entry of an epoch, signed as it should be. */
export async function signedEntry(world: World, market: FixtureMarket, epoch: bigint, number: number): Promise<Entry> {
  return market.entry({ dispatchNumber: number, slot: (await firstSlot(world, epoch)) + BigInt(number) });
}

/** The entry with another signature under one of its workers' records. */
export function withSignature(
  entry: Entry,
  record: Exclude<WorkerRecord, 'refusal'>,
  place: number,
  signature: Uint8Array,
): Entry {
  const { evidence } = entry;
  const at = <T>(list: readonly T[], change: (one: T) => T): T[] =>
    list.map((one, i) => (i === place ? change(one) : one));
  const bent =
    record === 'seal'
      ? { ...evidence, seals: at(evidence.seals, (one) => ({ ...one, seal: { ...one.seal, signature } })) }
      : { ...evidence, receipts: at(evidence.receipts, (one) => ({ ...one, receipt: { ...one.receipt, signature } })) };
  return { ...entry, evidence: bent };
}

/** A set of an epoch, as its proposer has it. */
export interface SignedSet {
  readonly body: ManifestBody;
  readonly manifestHash: Hash;
  readonly roots: ReturnType<typeof manifestRoots>;
}

export function signedSet(
  world: World,
  market: FixtureMarket,
  of: {
    readonly epoch: bigint;
    readonly entries: readonly Entry[];
    readonly entryEpoch?: bigint;
    /** More candidates than the market's workers. */
    readonly candidates?: readonly Candidate[];
  },
): SignedSet {
  const { epoch, entries, entryEpoch = epoch, candidates = [] } = of;
  const group = market.group(entryEpoch);
  const other = { ...group, modelId: namedHash('another model') };
  const body: ManifestBody = {
    epoch,
    entries: entries
      .map((entry) => ({ entryHash: entryHashOf(entry), price: entry.outcome.value.price }))
      .sort((a, b) => compareBytes(a.entryHash, b.entryHash)),
    groups: [{ ...group, candidates: [...group.candidates, ...candidates] }, other].sort((a, b) =>
      compareBytes(a.modelId, b.modelId),
    ),
    slotHashes: [],
    escrows: [],
  };
  const roots = manifestRoots(world.domain, body);
  return { body, roots, manifestHash: manifestHashOf(world.domain, roots) };
}

/** Closes the set's epoch with it and has validators attest it. */
export async function attestSet(world: World, set: SignedSet, attesters: readonly Member[]): Promise<void> {
  const { roots, manifestHash } = set;
  await toClosedWith(world, roots);
  for (const one of attesters) await sendAttest(world, one, roots.epoch, { manifestHash });
}

/** A record of an entry in a set. */
export interface ShownRecord {
  readonly set: SignedSet;
  readonly entry: Entry;
  readonly entryEpoch?: bigint;
  readonly record: WorkerRecord;
  readonly place: number;
}

export function evidenceOf(world: World, shown: ShownRecord): Uint8Array {
  const { set, entry, record, place, entryEpoch = set.body.epoch } = shown;
  return badSignatureEvidence(world.domain, { body: set.body, entry, entryEpoch, record, place });
}

/** Writes evidence that a set has a bad signature, and shows it. */
export async function showSignature(
  world: World,
  finder: Keypair,
  shown: { readonly set: SignedSet; readonly evidence: Uint8Array; readonly nonce?: bigint },
): Promise<Ran> {
  const { set, evidence, nonce = 0n } = shown;
  const options = { ...(await buffered(world, finder, evidence, nonce)), epoch: set.body.epoch };
  return await world.ledger.send(
    [proveBadSignature(world.addresses, { ...options, manifestHash: set.manifestHash })],
    [finder],
  );
}

export async function readSetFault({ ledger, addresses }: World, set: SignedSet): Promise<FaultAccount> {
  return decodeFault(await must(ledger.account(addresses.fault(set.manifestHash, FAULT.signature))));
}

export function sendAccuseAttester(world: World, set: SignedSet, validator: Member): Promise<Ran> {
  const { epoch } = set.body;
  const accused = {
    payer: world.operator.publicKey,
    epoch,
    manifestHash: set.manifestHash,
    validator: validator.address,
    offenceKey: falseAttestationKey(epoch),
  };
  return world.ledger.send([accuseAttester(world.addresses, accused)], [world.operator]);
}
