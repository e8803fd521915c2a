import {
  attest,
  claim,
  closeEpoch,
  closeVote,
  finalise,
  postRoot,
  postVerdicts,
  type ReportArguments,
  recordBeacon,
  revealRoot,
  revealSalt,
  settleEscrow,
} from '@karmesh/sdk/program';
import {
  buildReport,
  type Hash,
  type KarmaVector,
  type LedgerState,
  type Lifetime,
  manifestHashOf,
  type Report,
  type ReportTrees,
  reportHashOf,
  rootSealOf,
  type Settlement,
  saltHashOf,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { namedHash } from './keys.ts';
import type { Ran } from './ledger/ledger.ts';
import { firstSlot, type Member, readEpoch, readParticipant, type World } from './world.ts';

/** The manifest that these tests close epochs with. */
export function manifest(epoch: bigint) {
  return {
    epoch,
    receiptSetRoot: namedHash(`receipts ${epoch}`),
    entryCount: 7,
    candidatesRoot: namedHash(`candidates ${epoch}`),
    slotHashesRoot: namedHash(`slot hashes ${epoch}`),
    escrowsRoot: namedHash(`escrows ${epoch}`),
  };
}

export function manifestHash(world: World, epoch: bigint): Hash {
  return manifestHashOf(world.domain, manifest(epoch));
}

export function saltOf(validator: Member, epoch: bigint): Uint8Array {
  return namedHash(`salt ${epoch} ${Buffer.from(validator.address).toString('hex')}`);
}

/** First slot in which `close_epoch` of the epoch is taken. */
export async function closeSlot(world: World, epoch: bigint): Promise<bigint> {
  return (await firstSlot(world, epoch + 1n)) + world.parameters.closeDelaySlots;
}

/** The validator whose turn it is in `slot`, where `from` is the first slot of turns. */
function proposerAt(
  world: World,
  turn: { readonly epoch: bigint; readonly slot: bigint; readonly from: bigint },
): Member {
  const attempt = (turn.slot - turn.from) / world.parameters.proposerWindowSlots;
  const ordinal = (turn.epoch + attempt) % BigInt(world.validators.length);
  const validator = world.validators[Number(ordinal)];
  if (validator === undefined) throw new RangeError('There is no validator of this ordinal.');
  return validator;
}

const keysOf = (validator: Member, epoch: bigint) => ({
  identity: validator.identity.publicKey,
  validator: validator.address,
  epoch,
});

export function sendClose(world: World, validator: Member, roots: ReturnType<typeof manifest>): Promise<Ran> {
  return world.ledger.send(
    [closeEpoch(world.addresses, { ...keysOf(validator, roots.epoch), ...roots })],
    [validator.identity],
  );
}

export function sendAttest(
  world: World,
  validator: Member,
  epoch: bigint,
  with_: { readonly manifestHash?: Uint8Array; readonly saltHash?: Uint8Array } = {},
): Promise<Ran> {
  const salt = saltOf(validator, epoch);
  return world.ledger.send(
    [
      attest(world.addresses, {
        ...keysOf(validator, epoch),
        manifestHash: with_.manifestHash ?? manifestHash(world, epoch),
        saltHash: with_.saltHash ?? saltHashOf(world.domain, { epoch, validator: validator.address, salt }),
      }),
    ],
    [validator.identity],
  );
}

export function sendSalt(
  world: World,
  validator: Member,
  epoch: bigint,
  salt = saltOf(validator, epoch),
): Promise<Ran> {
  return world.ledger.send([revealSalt(world.addresses, { ...keysOf(validator, epoch), salt })], [validator.identity]);
}

export function sendBeacon(world: World, epoch: bigint): Promise<Ran> {
  return world.ledger.send([recordBeacon(world.addresses, { epoch })], [world.operator]);
}

export function verdictsRoot(epoch: bigint): Uint8Array {
  return namedHash(`verdicts ${epoch}`);
}

export function sendVerdicts(world: World, validator: Member, epoch: bigint, root = verdictsRoot(epoch)): Promise<Ran> {
  return world.ledger.send(
    [postVerdicts(world.addresses, { ...keysOf(validator, epoch), verdictsRoot: root, verdictCount: 3 })],
    [validator.identity],
  );
}

/** A report with its trees, as validators build it from a tally. */
export interface BuiltReport {
  readonly epoch: bigint;
  readonly report: Report;
  readonly trees: ReportTrees;
  readonly state: LedgerState;
  readonly lifetimes: readonly Lifetime[];
  readonly settlements: readonly Settlement[];
}

/** Lifetimes by registration index: five parts of karma in micro-karma and owed in lamports. */
export type Earned = ReadonlyMap<Member, { readonly karma: KarmaVector; readonly owed: bigint }>;

export async function makeReport(
  world: World,
  made: {
    readonly epoch: bigint;
    readonly earned: Earned;
    readonly settlements?: readonly Settlement[];
    readonly priorRoot?: Hash;
  },
): Promise<BuiltReport> {
  const { epoch, earned, settlements = [], priorRoot = ZERO_HASH } = made;
  const lifetimes: Lifetime[] = [];
  for (const [member, { karma, owed }] of earned) {
    const { index } = await readParticipant(world, member.address);
    lifetimes.push({ index, participant: member.address, karma, owed });
  }
  lifetimes.sort((a, b) => a.index - b.index);
  const result = {
    lifetimes,
    settlements,
    escrowDebits: [],
    carried: [],
    credits: new Map(),
    decisions: new Map(),
  };
  return { epoch, ...buildReport(world.domain, { epoch, result, priorRoot }), lifetimes, settlements };
}

export function reportArguments(report: Report): ReportArguments {
  return report as unknown as ReportArguments;
}

export function rootSalt(validator: Member, epoch: bigint): Uint8Array {
  return namedHash(`root salt ${epoch} ${Buffer.from(validator.address).toString('hex')}`);
}

export function sealOf(
  world: World,
  validator: Member,
  sealed: { readonly epoch: bigint; readonly report: Report; readonly verdictsRoot?: Hash },
): Hash {
  const { epoch, report } = sealed;
  const reportHash = reportHashOf(world.domain, {
    epoch,
    verdictsRoot: sealed.verdictsRoot ?? verdictsRoot(epoch),
    report,
  });
  return rootSealOf(world.domain, {
    epoch,
    reportHash,
    salt: rootSalt(validator, epoch),
    validator: validator.address,
  });
}

export async function sendSeal(
  world: World,
  validator: Member,
  epoch: bigint,
  seal: Hash,
  attempt?: number,
): Promise<Ran> {
  const current = attempt ?? (await readEpoch(world, epoch)).verdictAttempt;
  return world.ledger.send(
    [postRoot(world.addresses, { ...keysOf(validator, epoch), seal, attempt: current })],
    [validator.identity],
  );
}

export function sendReveal(
  world: World,
  validator: Member,
  revealed: { readonly epoch: bigint; readonly report: Report; readonly salt?: Uint8Array },
): Promise<Ran> {
  const { epoch, report, salt = rootSalt(validator, epoch) } = revealed;
  return world.ledger.send(
    [revealRoot(world.addresses, { ...keysOf(validator, epoch), report: reportArguments(report), salt })],
    [validator.identity],
  );
}

export function sendSettle(world: World, built: BuiltReport, index: number): Promise<Ran> {
  const settlement = built.settlements[index];
  if (settlement === undefined) throw new RangeError('The report has no settlement of this index.');
  return world.ledger.send(
    [
      settleEscrow(world.addresses, {
        ...settlement,
        epoch: built.epoch,
        index,
        path: built.trees.settlements.path(index),
      }),
    ],
    [world.operator],
  );
}

export function sendFinalise(world: World, epoch: bigint): Promise<Ran> {
  return world.ledger.send([finalise(world.addresses, { epoch })], [world.operator]);
}

/** The arguments of a claim from a report, for tests to bend. */
export function claimOptions(world: World, built: BuiltReport, member: Member) {
  const lifetime = built.lifetimes.find(({ participant }) => participant === member.address);
  if (lifetime === undefined) throw new RangeError('The report has no lifetime of this participant.');
  return {
    payer: world.operator.publicKey,
    participant: member.address,
    owner: member.owner.publicKey,
    epoch: built.epoch,
    index: lifetime.index,
    lifetime: lifetime.karma,
    lifetimeOwed: lifetime.owed,
    receiptsRoot: ZERO_HASH,
    path: built.trees.claims.path(lifetime.index),
  };
}

export function sendClaim(world: World, built: BuiltReport, member: Member): Promise<Ran> {
  return world.ledger.send([claim(world.addresses, claimOptions(world, built, member))], [world.operator]);
}

export function sendCloseVote(
  world: World,
  validator: Member,
  epoch: bigint,
  payer = validator.identity.publicKey,
): Promise<Ran> {
  return world.ledger.send(
    [closeVote(world.addresses, { epoch, validator: validator.address, payer })],
    [world.operator],
  );
}

/** Waits for the epoch's end and closes it. */
export async function toClosed(world: World, epoch: bigint): Promise<void> {
  await toClosedWith(world, manifest(epoch));
}

/** Closes an epoch with the roots of a set that a test made, when it is time. */
export async function toClosedWith(world: World, roots: ReturnType<typeof manifest>): Promise<void> {
  const { epoch } = roots;
  const from = await closeSlot(world, epoch);
  await world.ledger.untilSlot(from);
  const slot = await world.ledger.slot();
  await sendClose(world, proposerAt(world, { epoch, slot, from }), roots);
}

/** Closes the epoch and has the voters attest. */
export async function toAttested(world: World, epoch: bigint, voters = world.validators): Promise<void> {
  await toClosed(world, epoch);
  await Promise.all(voters.map((validator) => sendAttest(world, validator, epoch)));
}

/** As `toAttested`, then the voters reveal their salts and the beacon is recorded. */
export async function toBeacon(world: World, epoch: bigint, voters = world.validators): Promise<void> {
  await toAttested(world, epoch, voters);
  await attestedToBeacon(world, epoch, voters);
}

async function attestedToBeacon(world: World, epoch: bigint, voters: readonly Member[]): Promise<void> {
  await Promise.all(voters.map((validator) => sendSalt(world, validator, epoch)));
  const { beaconTargetSlot } = await readEpoch(world, epoch);
  await world.ledger.untilSlot(beaconTargetSlot + 1n);
  await sendBeacon(world, epoch);
}

/** As `toBeacon`, then the verdicts are posted. */
export async function toVerdicts(world: World, epoch: bigint, voters = world.validators): Promise<void> {
  await toBeacon(world, epoch, voters);
  await beaconToVerdicts(world, epoch);
}

/** From an attested set to the verdicts of its epoch. */
export async function attestedToVerdicts(world: World, epoch: bigint, voters: readonly Member[]): Promise<void> {
  await attestedToBeacon(world, epoch, voters);
  await beaconToVerdicts(world, epoch);
}

async function beaconToVerdicts(world: World, epoch: bigint): Promise<void> {
  const from = (await readEpoch(world, epoch)).beaconTargetSlot + world.parameters.auditSlots;
  await world.ledger.untilSlot(from);
  const slot = await world.ledger.slot();
  await sendVerdicts(world, proposerAt(world, { epoch, slot, from }), epoch);
}

/** As `toVerdicts`, then every validator seals and reveals the report. */
export async function toReported(world: World, built: BuiltReport): Promise<void> {
  await toVerdicts(world, built.epoch);
  await verdictsToReported(world, built);
}

async function verdictsToReported(world: World, { epoch, report }: BuiltReport): Promise<void> {
  await Promise.all(
    world.validators.map((validator) => sendSeal(world, validator, epoch, sealOf(world, validator, { epoch, report }))),
  );
  await untilOpen(world, epoch);
  await Promise.all(world.validators.map((validator) => sendReveal(world, validator, { epoch, report })));
}

/** P-18: until the seals of an epoch may be opened. */
export async function untilOpen(world: World, epoch: bigint): Promise<void> {
  const { sealedStake, totalStake, sealsSlot } = await readEpoch(world, epoch);
  if (sealedStake < totalStake) await world.ledger.untilSlot(sealsSlot + 9n);
}

/** As `toReported`, then every escrow settles and the epoch is finalised. */
export async function toFinalised(world: World, built: BuiltReport): Promise<void> {
  await toReported(world, built);
  await reportedToFinalised(world, built);
}

/** From the verdicts of an epoch to a final report, which every validator votes for. */
export async function verdictsToFinalised(world: World, built: BuiltReport): Promise<void> {
  await verdictsToReported(world, built);
  await reportedToFinalised(world, built);
}

async function reportedToFinalised(world: World, built: BuiltReport): Promise<void> {
  await Promise.all(built.settlements.map((_, index) => sendSettle(world, built, index)));
  const { quorumSlot } = await readEpoch(world, built.epoch);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, built.epoch);
}

/** A settlement of the world's escrow. */
export function settlement(world: World, debit: bigint, cumulativeAfter = debit): Settlement {
  return { escrow: world.escrow, cumulativeAfter, debit };
}
