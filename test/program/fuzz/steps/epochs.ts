import { at } from '../../model/addresses.ts';
import { epochAt, isLater, isQuorum, parameterIn, VALIDATOR, weightAt } from '../../model/amounts.ts';
import { attemptAt, closingTurn, STATE, verdictsTurn } from '../../model/epochs.ts';
import { reportHash, saltHash, sealOf } from '../../model/hashes.ts';
import { type Config, type Epoch, type Key, NONE, type Participant, type Vote, ZERO } from '../../model/ledger.ts';
import { isOpen } from '../../model/reports.ts';
import { keyNamed } from '../cast.ts';
import type { Random } from '../random.ts';
import { type Built, type Lie, makeReport } from '../reportsOf.ts';
import { all, configOf, type Stage } from '../stage.ts';
import { type Idea, type Step, send, toSlot } from '../step.ts';

interface At {
  readonly stage: Stage;
  readonly random: Random;
  readonly config: Config;
  readonly number: bigint;
}

interface Validator {
  readonly key: Key;
  readonly data: Participant;
}

/** What brings the epoch in hand nearer to its end. */
export const nextOfEpoch: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  if (config === undefined || config.started === 0) return undefined;
  const open = all(stage.ledger, 'epoch')
    .map(({ data }) => data)
    .filter(({ epoch }) => isLater(config, epoch))
    .sort((a, b) => (a.epoch < b.epoch ? -1 : 1));
  const first = config.lastFinalisedEpoch === NONE ? 0n : config.lastFinalisedEpoch + 1n;
  const newest = open.at(-1);
  const current = epochAt(config, stage.ledger.slot) ?? 0n;
  // Who comes back after a long silence does not close every epoch of it.
  const next = current > first + 30n ? current - 1n : first + BigInt(random.chance(10) ? random.below(3) : 0);
  const number = newest?.epoch ?? next;
  const here: At = { stage, random, config, number };
  if (newest === undefined || random.chance(1))
    return close({ ...here, number: newest === undefined ? number : number + 1n });
  return stepOf(here, newest) ?? close({ ...here, number: newest.epoch + 1n });
};

function stepOf(here: At, epoch: Epoch): Step | undefined {
  if (epoch.state === STATE.closed) return attesting(here, epoch);
  if (epoch.state === STATE.attested) return salting(here, epoch);
  if (epoch.state === STATE.beacon) return judging(here, epoch);
  if (epoch.state === STATE.verdicts) return here.random.chance(4) ? judging(here, epoch) : reporting(here, epoch);
  return settling(here, epoch);
}

function validators({ stage, number }: At): Validator[] {
  return all(stage.ledger, 'participant').filter(
    ({ data }) => data.role === VALIDATOR && (weightAt(data.weights, number) ?? 0n) > 0n,
  );
}

function voteOf({ stage, number }: At, validator: Key): Vote | undefined {
  const data = stage.ledger.accounts.get(at.vote(number, validator))?.data;
  return data?.kind === 'vote' ? data : undefined;
}

/** Waits until a turn begins, or sends what the validator whose turn it is sends. */
function atTurn(here: At, turn: ReturnType<typeof closingTurn>, act: (validator: Validator) => Step): Step | undefined {
  const { stage, random } = here;
  const attempt = attemptAt(turn, stage.ledger.slot);
  if (attempt === undefined) return toSlot(turn.from + BigInt(random.chance(20) ? random.below(100) : random.below(3)));
  if (turn.validators === 0n) return undefined;
  const ordinal = (turn.epoch + attempt) % turn.validators;
  const proposer = validators(here).find(({ data }) => BigInt(data.roleOrdinal) === ordinal);
  return proposer === undefined ? toSlot(stage.ledger.slot + turn.window) : act(proposer);
}

function close(here: At): Step | undefined {
  const { config, number, random } = here;
  return atTurn(here, closingTurn(config, number), ({ key, data }) =>
    send('close_epoch', [data.identity, at.config, key, at.epoch(number)], {
      signs: [data.identity],
      args: {
        ...{ epoch: number, receipt_set_root: keyNamed(`receipts ${number}`), entry_count: random.below(9) },
        ...{ candidates_root: keyNamed('candidates'), slot_hashes_root: keyNamed('hashes'), escrows_root: ZERO },
      },
    }),
  );
}

const saltOf = (validator: Key, epoch: bigint): Key => keyNamed(`salt ${epoch} ${validator}`);
const rootSaltOf = (validator: Key, epoch: bigint): Key => keyNamed(`root salt ${epoch} ${validator}`);

function attestationOf({ config, number }: At, epoch: Epoch, { key, data }: Validator): Step {
  const salt_hash = saltHash(config.domain, { epoch: number, validator: key, salt: saltOf(key, number) });
  return send('attest', [data.identity, at.config, key, at.epoch(number), at.vote(number, key)], {
    signs: [data.identity],
    args: { epoch: number, manifest_hash: epoch.manifestHash, salt_hash },
  });
}

function attesting(here: At, epoch: Epoch): Step | undefined {
  const waiting = validators(here).filter(({ key }) => voteOf(here, key) === undefined);
  const one = here.random.pick(waiting);
  return one === undefined ? undefined : attestationOf(here, epoch, one);
}

function salting(here: At, epoch: Epoch): Step | undefined {
  const { stage, random, config, number } = here;
  const { slot } = stage.ledger;
  const inTime = slot <= epoch.attestedSlot + parameterIn(config, 3, number) && slot < epoch.beaconTargetSlot;
  const late = validators(here).filter(({ key }) => voteOf(here, key) === undefined);
  const one = random.pick(late);
  if (inTime && one !== undefined && random.chance(30)) return attestationOf(here, epoch, one);
  const hidden = validators(here).filter(({ key }) => voteOf(here, key)?.saltRevealed === false);
  const next = random.pick(hidden);
  if (inTime && next !== undefined && random.chance(90)) {
    const { key, data } = next;
    return send('reveal_salt', [data.identity, at.config, key, at.epoch(number), at.vote(number, key)], {
      signs: [data.identity],
      args: { epoch: number, salt: saltOf(key, number) },
    });
  }
  if (slot <= epoch.beaconTargetSlot) {
    return toSlot(epoch.beaconTargetSlot + BigInt(random.chance(6) ? 400 + random.below(400) : 1 + random.below(20)));
  }
  return send('record_beacon', [at.epoch(number), at.config], { args: { epoch: number } });
}

function judging(here: At, epoch: Epoch): Step | undefined {
  const { config, number, random } = here;
  return atTurn(here, verdictsTurn(config, epoch), ({ key, data }) =>
    send('post_verdicts', [data.identity, at.config, key, at.epoch(number)], {
      signs: [data.identity],
      args: { epoch: number, verdicts_root: keyNamed(`verdicts ${number} ${random.below(3)}`), verdict_count: 3 },
    }),
  );
}

/** The report that these validators vote for: mostly one that holds, and the same for all. */
function reportOn(here: At): Built {
  const { stage, random, config, number } = here;
  const known = stage.notes.reports.get(number) ?? [];
  const [first] = known;
  const isOld = first !== undefined && first.report.priorRoot !== config.lastRoot;
  if (first !== undefined && !isOld && !random.chance(3)) return first;
  const lies: readonly Lie[] = ['caps', 'caps', 'prior', 'escrow'];
  const lie = random.chance(12) ? (random.pick(lies) ?? 'none') : 'none';
  const prior = stage.notes.rows.get(config.lastRoot) ?? [];
  const built = makeReport(stage.ledger, { config, epoch: number, prior, lie }, random);
  stage.notes.reports.set(number, isOld ? [built] : [...known, built]);
  return built;
}

function reporting(here: At, epoch: Epoch): Step | undefined {
  const { random, config, number } = here;
  const mine = validators(here).map((validator) => ({ ...validator, vote: voteOf(here, validator.key) }));
  const unsealed = mine.filter(({ vote }) => !(vote?.sealed && vote.sealAttempt === epoch.verdictAttempt));
  const sealed = mine.filter(({ vote }) => vote?.sealed && vote.sealAttempt === epoch.verdictAttempt && !vote.revealed);
  const canReveal = isQuorum(epoch.sealedStake, epoch.totalStake);
  const { slot } = here.stage.ledger;
  const one = random.pick(unsealed);
  if (one !== undefined && (!canReveal || random.chance(25))) {
    const { key, data } = one;
    const { report } = reportOn(here);
    const of = reportHash(config.domain, { epoch: number, verdictsRoot: epoch.verdictsRoot, report });
    const seal = sealOf(config.domain, {
      epoch: number,
      reportHash: of,
      salt: rootSaltOf(key, number),
      validator: key,
    });
    return send('post_root', [data.identity, at.config, key, at.epoch(number), at.vote(number, key)], {
      signs: [data.identity],
      args: { epoch: number, seal, attempt: epoch.verdictAttempt },
    });
  }
  if (canReveal && !isOpen(epoch, slot) && random.chance(80)) return toSlot(epoch.sealsSlot + 9n);
  return canReveal ? revealing(here, epoch, random.pick(sealed)) : undefined;
}

function revealing(
  here: At,
  epoch: Epoch,
  one: (Validator & { vote: Vote | undefined }) | undefined,
): Step | undefined {
  if (one === undefined) return undefined;
  const { stage, config, number } = here;
  const { key, data, vote } = one;
  const salt = rootSaltOf(key, number);
  const opens = (built: Built): boolean => {
    const of = reportHash(config.domain, { epoch: number, verdictsRoot: epoch.verdictsRoot, report: built.report });
    return sealOf(config.domain, { epoch: number, reportHash: of, salt, validator: key }) === vote?.seal;
  };
  const known = stage.notes.reports.get(number) ?? [];
  const built = known.find(opens) ?? known[0];
  if (built === undefined) return undefined;
  return send('reveal_root', [data.identity, at.config, key, at.epoch(number), at.vote(number, key)], {
    signs: [data.identity],
    args: { epoch: number, report: built.report, salt },
  });
}

/** The report that an epoch's account holds. */
export function storedReport(stage: Stage, epoch: Epoch): Built | undefined {
  return stage.notes.reports.get(epoch.epoch)?.find(({ report }) => report.root === epoch.report.root);
}

function settling(here: At, epoch: Epoch): Step | undefined {
  const { stage, random, config, number } = here;
  const built = storedReport(stage, epoch);
  if (built === undefined) return undefined;
  const open = built.settlements.filter(({ escrow }) => {
    const data = stage.ledger.accounts.get(escrow)?.data;
    return data?.kind === 'escrow' && (data.lastSettledEpoch === NONE || data.lastSettledEpoch < number);
  });
  const one = random.pick(open);
  if (one !== undefined) return settlementOf(built, one);
  const from = epoch.quorumSlot + parameterIn(config, 6, number);
  if (stage.ledger.slot < from) return toSlot(from - BigInt(random.chance(10) ? 1 : 0));
  stage.notes.rows.set(built.report.root, built.rows);
  return send('finalise', [at.epoch(number), at.config, at.vault], { args: { epoch: number } });
}

function settlementOf(built: Built, one: Built['settlements'][number]): Step {
  const { escrow, cumulativeAfter, debit, path } = one;
  const index = built.settlements.indexOf(one);
  return send('settle_escrow', [at.epoch(built.epoch), at.config, escrow, at.vault], {
    args: { epoch: built.epoch, index, cumulative_after: cumulativeAfter, debit, path },
  });
}

/** A settlement of any report that was stored, whether it is due or not. */
export const settleAgain: Idea = (stage, random) => {
  const epoch = random.pick(all(stage.ledger, 'epoch').filter(({ data }) => data.state >= STATE.reported));
  const built = epoch === undefined ? undefined : storedReport(stage, epoch.data);
  const one = built === undefined ? undefined : random.pick(built.settlements);
  return built === undefined || one === undefined ? undefined : settlementOf(built, one);
};
