import { at } from '../../model/addresses.ts';
import { STATE } from '../../model/epochs.ts';
import { ZERO } from '../../model/ledger.ts';
import { keyOf } from '../cast.ts';
import { all, configOf } from '../stage.ts';
import { type Idea, send, toSlot } from '../step.ts';
import { storedReport } from './epochs.ts';

/** Somebody's claim by the newest final report, now and then by an older one. */
export const claiming: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  const final = all(stage.ledger, 'epoch').filter(({ data }) => data.state === STATE.final);
  const newest = final.find(({ data }) => data.epoch === config?.lastFinalisedEpoch);
  const of = random.chance(92) ? newest : random.pick(final);
  const built = of === undefined ? undefined : storedReport(stage, of.data);
  if (built === undefined) return undefined;
  const unpaid = built.rows.filter(({ participant, owed, lifetime }) => {
    const data = stage.ledger.accounts.get(participant)?.data;
    if (data?.kind !== 'participant') return false;
    return owed > data.lifetimePaid || lifetime.some((value, i) => value > (data.lifetime[i] ?? 0n));
  });
  const row = random.pick(unpaid.length > 0 && random.chance(90) ? unpaid : built.rows);
  const claimant = row === undefined ? undefined : stage.ledger.accounts.get(row.participant)?.data;
  if (row === undefined || claimant?.kind !== 'participant') return undefined;
  const { index, participant, lifetime, owed, path } = row;
  const stranger = keyOf('stranger');
  return send('claim', [stranger, at.config, at.epoch(built.epoch), participant, claimant.owner, at.vault], {
    signs: [stranger],
    args: { epoch: built.epoch, index, lifetime, lifetime_owed: owed, receipts_root: ZERO, path },
  });
};

/** The end of any vote. */
export const endVote: Idea = (stage, random) => {
  const votes = all(stage.ledger, 'vote').sort((a, b) => (a.data.epoch < b.data.epoch ? -1 : 1));
  const vote = (random.chance(60) ? votes[0] : random.pick(votes))?.data;
  if (vote === undefined) return undefined;
  const { epoch, validator, payer } = vote;
  const accounts = [payer, at.config, at.epoch(epoch), at.vote(epoch, validator), validator, at.vault];
  return send('close_vote', accounts, { args: { epoch } });
};

/** The end of any epoch's account, mostly the oldest. */
export const endEpoch: Idea = (stage, random) => {
  const epochs = all(stage.ledger, 'epoch').sort((a, b) => (a.data.epoch < b.data.epoch ? -1 : 1));
  const epoch = (random.chance(80) ? epochs[0] : random.pick(epochs))?.data;
  if (epoch === undefined) return undefined;
  const accounts = [epoch.payer, at.config, at.epoch(epoch.epoch), at.vault];
  return send('close_epoch_account', accounts, { args: { epoch: epoch.epoch } });
};

/** Time: a few slots, an epoch or two, rarely a whole age. */
export const timePasses: Idea = (stage, random) => {
  const slots = random.chance(4) ? 64 * 66 : random.chance(50) ? 1 + random.below(64) : 64 * (1 + random.below(4));
  return toSlot(stage.ledger.slot + BigInt(slots));
};
