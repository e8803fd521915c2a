import { INCINERATOR } from '@karmesh/sdk/program';
import { readU64le, toHex } from '@karmesh/sdk/protocol';
import { at } from './addresses.ts';
import {
  epochAt,
  GATEWAY,
  parameter,
  reweigh,
  share,
  VALIDATOR,
  WHOLE,
  WORKER,
  weightAt,
  worth,
  worthUp,
} from './amounts.ts';
import { nextWeightKarma } from './claims.ts';
import { commitmentOf, doubleSignKey, recordHash } from './hashes.ts';
import { type Case, type Config, type Instruction, type Key, type Participant, ZERO } from './ledger.ts';
import { creating, ending, move } from './moves.ts';
import { Rules } from './rules.ts';

/** P-41: finder, finding. */
export const commitFinding: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const [finder, commitment] = [rules.key(0), rules.hash('commitment')];
  const make = creating(rules, { place: 1, payer: 0, address: at.finding(finder, commitment), kind: 'finding' });
  rules.stop();
  return () => make([{ kind: 'finding', finder, commitment, slot: ledger.slot }]);
};

/** P-41: finder, finding. */
export const closeFinding: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const finding = rules.read(1, 'finding');
  rules.check(rules.signs(0) && rules.key(0) === finding.finder, 'BadOwner');
  rules.stop();
  return ending(rules, 1, 0);
};

/** P-44: by kind, the size of the fields, whose record it is, and where participant, epoch and key stand. */
const KINDS: Record<number, { size: number; role: number; of: number; epochAt?: number; key: [number, number][] }> = {
  6: { size: 152, role: WORKER, of: 32, epochAt: 64, key: [[32, 80]] },
  12: {
    size: 140,
    role: VALIDATOR,
    of: 72,
    epochAt: 0,
    key: [
      [0, 40],
      [72, 105],
    ],
  },
  2: { size: 129, role: GATEWAY, of: 32, key: [[32, 72]] },
  10: { size: 124, role: GATEWAY, of: 0, epochAt: 40, key: [[0, 40]] },
};

/** P-44: the name of the offence of having signed another record in this one's place. */
export function offenceOf(kind: number, fields: Uint8Array): Key {
  const key = KINDS[kind]?.key.map(([from, to]) => fields.subarray(from, to)) ?? [];
  return doubleSignKey(kind, Buffer.concat(key));
}

/** P-44: finder, config, offender, finding, case. */
export const proveDoubleSign: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const kind = rules.number('kind');
  const [first, second] = [call.args.first as Uint8Array, call.args.second as Uint8Array];
  const config = rules.read(1, 'config');
  const now = epochAt(config, ledger.slot);
  rules.check(now !== undefined, 'NotStarted');
  checkFinding(rules, config, Buffer.concat([new Uint8Array([kind]), first, second]));
  const offender = rules.read(2, 'participant');
  const shape = KINDS[kind];
  const sized = shape !== undefined && first.length === shape.size && second.length === shape.size;
  rules.check(sized, 'BadEvidence');
  if (!sized) rules.stop();
  if (shape === undefined) throw new RangeError('A shape that fits is known.');
  const messages = [first, second].map((fields) => recordHash(config.domain, kind, fields));
  const signed = call.signed?.messages ?? [];
  rules.check(signed.length === 2 && signed.every((message, i) => message === messages[i]), 'BadEvidence');
  rules.check(messages[0] !== messages[1], 'NotAnOffence');
  const offence = offenceOf(kind, first);
  rules.check(offence === offenceOf(kind, second), 'NotAnOffence');
  rules.check(offender.role === shape.role, 'WrongRole');
  rules.check(toHex(first.subarray(shape.of, shape.of + 32)) === rules.key(2), 'BadEvidence');
  for (const fields of [first, second]) {
    const of = shape.epochAt === undefined ? undefined : readU64le(fields, shape.epochAt);
    checkSigner(rules, { config, offender, now: now ?? 0n, of });
  }
  const make = creating(rules, {
    ...{ place: 4, payer: 0, kind: 'case' },
    address: at.offenceCase(rules.key(2), offence),
  });
  rules.stop();
  const bps = parameter(config, 29);
  const filed: Case = {
    ...{ kind: 'case', offender: rules.key(2), offenceKey: offence, finder: rules.key(0), harmed: ZERO },
    ...{ filedEpoch: now ?? 0n, left: (WHOLE * (10_000n - bps)) / 10_000n, slashedLamports: 0n, bps: Number(bps) },
    ...{ offence: 1, executed: 0 },
  };
  const end = ending(rules, 3, 0);
  return () => {
    offender.openCases++;
    make([filed]);
    end();
  };
};

/** P-41. */
function checkFinding(rules: Rules, { domain }: Config, evidence: Uint8Array): void {
  const finding = rules.read(3, 'finding');
  rules.check(rules.signs(0), 'WrongIdentity');
  rules.check(finding.finder === rules.key(0), 'NotCommitted');
  rules.check(rules.ledger.slot >= finding.slot + 32n, 'NotCommitted');
  const commitment = commitmentOf(domain, { finder: rules.key(0), evidence, salt: rules.hash('salt') });
  rules.check(finding.commitment === commitment, 'NotCommitted');
}

/** P-44: whose key signed, in the record's epoch; of a record without one, the identity or for a while the one before. */
function checkSigner(
  rules: Rules,
  { config, offender, now, of }: { config: Config; offender: Participant; now: bigint; of: bigint | undefined },
): void {
  const signer = rules.call.signed?.by;
  const span = parameter(config, 25);
  const isNew = signer === offender.identity;
  const isOld = signer === offender.previousIdentity;
  if (of === undefined) {
    rules.check(isNew || (isOld && now <= offender.identityFromEpoch + span), 'BadEvidence');
    return;
  }
  rules.check(of + span >= now, 'TooLate');
  rules.check(offender.identityFromEpoch <= of ? isNew : isOld, 'BadEvidence');
}

const INCINERATED = toHex(INCINERATOR);

/** P-43: config, offender, case, finder, harmed, incinerator. */
export const executeCase: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(0, 'config');
  const offender = rules.read(1, 'participant');
  const filed = rules.read(2, 'case');
  rules.check(filed.offender === rules.key(1) && filed.finder === rules.key(3), 'BadPda');
  rules.check(rules.key(5) === INCINERATED, 'BadPda');
  rules.check(filed.executed === 0, 'BadState');
  const now = epochAt(config, ledger.slot);
  rules.check(now !== undefined, 'NotStarted');
  rules.check(now === undefined || now >= filed.filedEpoch + parameter(config, 27), 'CaseOpen');
  const epoch = now ?? 0n;
  const all = weightAt(config.stake, epoch);
  rules.check(all !== undefined, 'TooLate');
  const had = worth(offender.units + offender.unbondingUnits, offender.slashIndex);
  const slashed = config.slashEpoch === epoch ? config.slashedWeight : 0n;
  const bound = share(all !== undefined && all > had ? all : had, parameter(config, 28));
  const slash = slashOf(offender, filed.left, bound > slashed ? bound - slashed : 0n);
  rules.check(slash.left === WHOLE || slash.lamports > 0n, 'SlashCapped');
  rules.stop();
  return () => {
    config.slashEpoch = epoch;
    config.slashedWeight = slashed + slash.lamports;
    filed.left = slash.left;
    filed.slashedLamports += slash.lamports;
    if (slash.left === WHOLE) {
      filed.executed = 1;
      offender.openCases--;
    }
    lower(config, offender, { index: slash.index, slot: ledger.slot });
    const wanted = share(slash.lamports, parameter(config, 32));
    const finder = ledger.accounts.get(rules.key(3));
    const canTake = finder?.data === undefined && (finder?.lamports ?? 0n) + wanted >= (128n + 0n) * 6_960n;
    const paid = canTake ? wanted : 0n;
    move(ledger, rules.key(1), rules.key(3), paid);
    move(ledger, rules.key(1), rules.key(5), slash.lamports - paid);
  };
};

interface Slash {
  readonly index: bigint;
  readonly left: bigint;
  readonly lamports: bigint;
}

/** P-43: the index after as much of a slash as there is room for, what of it is left, and the lamports that leave. */
export function slashOf({ units, unbondingUnits, slashIndex }: Participant, left: bigint, room: bigint): Slash {
  const all = units + unbondingUnits;
  const leaving = (index: bigint): bigint => {
    const lost = worth(all, slashIndex) - worthUp(all, index);
    return lost > 0n ? lost : 0n;
  };
  const goal = worth(slashIndex, left);
  if (leaving(goal) <= room) return { index: goal, left: WHOLE, lamports: leaving(goal) };
  const lowered = slashIndex - (room * WHOLE) / all;
  const index = lowered > goal ? lowered : goal;
  const rest = (left * slashIndex) / index;
  return { index, left: rest < WHOLE ? rest : WHOLE, lamports: leaving(index) };
}

/** P-43: what a lower index does to karma and weights. */
function lower(config: Config, offender: Participant, to: { readonly index: bigint; readonly slot: bigint }): void {
  const before = offender.slashIndex;
  offender.slashIndex = to.index;
  if (to.index < before) {
    const part = (karma: bigint): bigint => (karma * to.index) / before;
    offender.karma = offender.karma.map(part);
    nextWeightKarma(config, offender, { slot: to.slot, karma: part(offender.weightKarma[1] ?? 0n) });
  }
  reweigh(config, offender, to.slot);
}
