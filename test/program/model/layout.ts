import { hash } from '@karmesh/sdk/protocol';
import type { DataKind, DataOf, Key, Point, Report } from './ledger.ts';

/** Writes an account as the tables of docs/protocol.md lay it out; all that no line names is zeros. */
class Page {
  readonly bytes: Buffer;

  constructor(name: string, size: number) {
    this.bytes = Buffer.alloc(size);
    this.bytes.set(discriminator(`account:${name}`));
  }

  u8(at: number, ...values: readonly number[]): void {
    for (const [i, value] of values.entries()) this.bytes[at + i] = value;
  }

  u16(at: number, ...values: readonly number[]): void {
    for (const [i, value] of values.entries()) this.bytes.writeUInt16LE(value, at + 2 * i);
  }

  u32(at: number, ...values: readonly number[]): void {
    for (const [i, value] of values.entries()) this.bytes.writeUInt32LE(value, at + 4 * i);
  }

  u64(at: number, ...values: readonly bigint[]): void {
    for (const [i, value] of values.entries()) this.bytes.writeBigUInt64LE(value, at + 8 * i);
  }

  /** A number of 128 bits: low, high. */
  u128(at: number, value: bigint): void {
    this.u64(at, BigInt.asUintN(64, value), value >> 64n);
  }

  key(at: number, ...values: readonly Key[]): void {
    for (const [i, value] of values.entries()) this.bytes.write(value, at + 32 * i, 'hex');
  }

  weights(at: number, points: readonly Point[]): void {
    for (const [i, { fromEpoch, weight }] of points.entries()) this.u64(at + 16 * i, fromEpoch, weight);
  }
}

const known = new Map<string, Uint8Array>();

/** The first 8 bytes of the hash of a name. */
export function discriminator(name: string): Uint8Array {
  const before = known.get(name);
  if (before !== undefined) return before;
  const made = hash(new TextEncoder().encode(name)).slice(0, 8);
  known.set(name, made);
  return made;
}

/** Where the bump stands, which the address decides. */
export const BUMP_AT: Record<DataKind, readonly number[]> = {
  config: [10, 12],
  vault: [8],
  participant: [9],
  stake: [73],
  escrow: [104],
  epoch: [17],
  vote: [57],
  proposal: [164],
  ballot: [120],
  finding: [80],
  case: [164],
  chain: [84],
};

const WRITE: { readonly [K in DataKind]: (of: DataOf<K>) => Page } = {
  config(of) {
    const page = new Page('Config', 1152);
    page.u16(8, of.version);
    page.u8(11, of.started);
    page.key(16, of.domain, of.genesis, of.initialiser);
    page.u64(112, of.epochZeroSlot);
    page.u32(120, of.participantCount, of.workerCount, of.gatewayCount, of.validatorCount);
    page.u64(136, of.lastFinalisedEpoch);
    page.key(144, of.lastRoot);
    page.u64(176, ...of.lastTotals);
    page.key(224, of.offchainParametersHash);
    page.u64(256, ...of.parameters);
    page.weights(576, of.stake);
    page.weights(704, of.validators);
    for (const [i, change] of of.changes.entries()) {
      page.u64(832 + 24 * i, change.index, change.fromEpoch, change.before);
    }
    page.u64(968, of.pausedUntilEpoch, of.pausableFromEpoch, of.slashEpoch, of.slashedWeight);
    return page;
  },
  vault(of) {
    const page = new Page('Vault', 112);
    page.u64(16, of.received, of.paid, of.rewards, of.rewardsPaid);
    page.u64(48, of.treasuryPaid, of.windowEpoch, of.windowPaid, of.settled);
    return page;
  },
  participant(of) {
    const page = new Page('Participant', 832);
    page.u8(8, of.role);
    page.u16(10, of.version);
    page.u32(12, of.index);
    page.key(16, of.owner, of.identity, of.previousIdentity);
    page.u64(112, of.identityFromEpoch);
    page.key(120, of.initialIdentity);
    page.u64(152, of.ownUnits, of.activeFromEpoch);
    page.u32(168, of.roleOrdinal);
    page.u8(172, of.models.filter((model) => /[^0]/u.test(model)).length);
    page.u16(174, of.openCases);
    page.u64(176, ...of.karma, of.karmaSlot, ...of.lifetime, of.lifetimePaid, ...of.weightKarma, of.weightFromEpoch);
    page.key(296, of.engineClass, ...of.models);
    page.u16(476, ...of.capacity);
    page.u64(480, of.capacityFromEpoch, of.slashIndex);
    page.u64(496, of.units);
    page.u64(512, of.unbondingUnits);
    page.u128(528, of.rewardPerUnit);
    page.u64(544, of.rewardLamports, of.commissionLamports);
    page.u16(560, ...of.commissionBps);
    page.u64(568, of.commissionFromEpoch);
    page.weights(576, of.weights);
    return page;
  },
  stake(of) {
    const page = new Page('Stake', 184);
    page.key(8, of.participant, of.staker);
    page.u64(80, of.units);
    page.u128(88, of.rewardPerUnit);
    page.u64(104, of.rewardLamports, of.unbondingUnits, of.releasedUnits, of.unbondingFromSlot);
    return page;
  },
  escrow(of) {
    const page = new Page('Escrow', 160);
    page.key(8, of.gateway, of.buyer);
    page.u64(72, of.cumulativeDebit, of.withdrawAmount, of.withdrawAfterEpoch, of.lastSettledEpoch);
    page.u64(112, of.authorised);
    return page;
  },
  epoch(of) {
    const page = new Page('Epoch', 1024);
    page.u64(8, of.epoch);
    page.u8(16, of.state);
    page.u64(24, of.totalStake);
    page.u32(32, of.validatorCount, of.entryCount);
    page.key(40, of.manifestHash, of.receiptSetRoot, of.candidatesRoot, of.slotHashesRoot, of.escrowsRoot);
    page.u64(200, of.closeSlot);
    page.key(208, of.proposer);
    page.u64(240, of.attestedStake, of.attestedSlot);
    page.key(256, of.saltAccumulator);
    page.u32(288, of.saltCount, of.verdictAttempt);
    page.u64(296, of.beaconTargetSlot, of.beaconSlot);
    page.key(312, of.beacon, of.verdictsRoot);
    page.u32(376, of.verdictCount, of.candidates.length);
    page.u64(384, of.verdictsSlot);
    page.key(392, of.verdictsProposer);
    page.u64(424, of.sealedStake);
    for (const [i, candidate] of of.candidates.entries()) {
      page.key(432 + 48 * i, candidate.reportHash);
      page.u64(464 + 48 * i, candidate.stake, candidate.paidStake);
    }
    page.key(624, of.reportHash);
    writeReport(page, of.report);
    page.u64(848, of.quorumSlot, of.settledLamports);
    page.u32(864, of.settledCount);
    page.u64(872, of.finalisedSlot);
    page.u64(912, of.saltStake, of.voteReward, of.votePoints);
    page.key(936, of.payer);
    page.u32(972, of.openVotes);
    page.u64(984, of.votesPaid);
    page.u64(1008, of.sealsSlot);
    return page;
  },
  vote(of) {
    const page = new Page('Vote', 192);
    page.key(8, of.validator);
    page.u64(40, of.epoch, of.stake);
    const flags = [of.attested, of.saltRevealed, of.sealed, of.revealed, false, of.late];
    page.u8(
      56,
      flags.reduce((sum, flag, i) => sum + (flag ? 2 ** i : 0), 0),
    );
    page.u32(60, of.sealAttempt);
    page.key(64, of.saltHash, of.seal, of.reportHash, of.payer);
    return page;
  },
  proposal(of) {
    const page = new Page('Proposal', 216);
    page.key(8, of.proposer, of.payer, of.recipient);
    page.u64(104, of.nonce, of.value, of.epoch, of.totalStake, of.yesStake, of.passedEpoch, of.executableFromEpoch);
    page.u16(160, of.index);
    page.u8(162, of.asks, of.executed);
    return page;
  },
  ballot(of) {
    const page = new Page('Ballot', 152);
    page.key(8, of.proposal, of.validator, of.payer);
    page.u64(104, of.stake, of.epoch);
    return page;
  },
  finding(of) {
    const page = new Page('Finding', 88);
    page.key(8, of.finder, of.commitment);
    page.u64(72, of.slot);
    return page;
  },
  case(of) {
    const page = new Page('Case', 176);
    page.key(8, of.offender, of.offenceKey, of.finder, of.harmed);
    page.u64(136, of.filedEpoch, of.left, of.slashedLamports);
    page.u16(160, of.bps);
    page.u8(162, of.offence, of.executed);
    return page;
  },
  chain(of) {
    const page = new Page('GatewayChain', 96);
    page.key(8, of.gateway);
    page.u64(40, of.epoch);
    page.key(48, of.commitment);
    page.u32(80, of.length);
    page.u64(88, of.committedSlot);
    return page;
  },
};

function writeReport(page: Page, report: Report): void {
  page.key(656, report.root);
  page.u64(688, ...report.totals);
  page.u32(736, report.participantCount, report.escrowCount);
  page.key(744, report.settlementsRoot);
  page.u64(776, report.settlementsTotal);
  page.key(784, report.carriedRoot, report.priorRoot);
  page.u32(868, report.carriedCount);
  page.key(880, report.claimsRoot);
}

/** The account's bytes, with zeros where bumps stand. */
export function bytesOf<K extends DataKind>(data: DataOf<K>): Buffer {
  const write = WRITE[data.kind as K] as (of: DataOf<K>) => Page;
  return write(data).bytes;
}
