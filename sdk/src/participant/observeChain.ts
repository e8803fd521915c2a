import { type Address, type ChainView, NONE } from '../program/index.ts';
import { namedParameters } from '../protocol/index.ts';
import { ownBond } from '../protocol/units.ts';
import type { Metrics } from '../runtime/index.ts';

type WatchedView = Pick<ChainView, 'slot' | 'epoch' | 'config' | 'participant' | 'staleness' | 'onSlot'>;

/** How often a balance is asked for at most, in milliseconds; it falls by a fee at a time. */
const BALANCE_EVERY_MS = 30_000;

/** What every participant shows of the chain as it sees it, and of its own account there. The result ends the watching. */
export function observeChain(
  metrics: Metrics,
  parts: {
    readonly view: WatchedView;
    readonly participant: Address;
    /** Reads the lamports that pay for this process's own transactions, of whoever sends some. */
    readonly balance?: () => Promise<bigint>;
    /** Milliseconds of a clock that never runs backwards. */
    readonly now: () => number;
  },
): () => void {
  const { view, participant, balance, now } = parts;
  let movedAt = now();
  let asked = Number.NEGATIVE_INFINITY;

  metrics.gauge({
    name: 'chain_height_slots',
    help: 'The slot of the last look at the chain.',
    collect: (gauge) => gauge.set(Number(view.slot())),
  });
  metrics.gauge({
    name: 'chain_view_age_seconds',
    help: 'Since the RPC node last answered.',
    collect: (gauge) => gauge.set(view.staleness().ageMs / 1000),
  });
  metrics.gauge({
    name: 'chain_slot_age_seconds',
    help: 'Since the slot last rose: a node that answers may still stand still.',
    collect: (gauge) => gauge.set((now() - movedAt) / 1000),
  });
  metrics.gauge({
    name: 'chain_begun_epochs',
    help: 'How many epochs have begun.',
    collect: (gauge) => gauge.set(Number((view.epoch() ?? -1n) + 1n)),
  });
  metrics.gauge({
    name: 'chain_finalised_epochs',
    help: 'The number of the last final epoch, counted from 1; 0 before the first.',
    collect(gauge) {
      const { lastFinalisedEpoch } = view.config();
      gauge.set(lastFinalisedEpoch === NONE ? 0 : Number(lastFinalisedEpoch + 1n));
    },
  });
  metrics.gauge({
    name: 'chain_epoch_left_slots',
    help: 'Slots until the next epoch; 0 before the first.',
    collect(gauge) {
      const epoch = view.epoch();
      const { epochZeroSlot, parameters } = view.config();
      if (epoch === undefined) gauge.set(0);
      else gauge.set(Number(epochZeroSlot + (epoch + 1n) * namedParameters(parameters).slotsPerEpoch - view.slot()));
    },
  });
  metrics.gauge({
    name: 'participant_bond_lamports',
    help: 'What the owner staked behind this participant.',
    collect(gauge) {
      const account = view.participant(participant);
      gauge.set(Number(account === undefined ? 0n : ownBond(account)));
    },
  });
  metrics.gauge({
    name: 'participant_paid_lamports',
    help: 'What this participant was ever paid.',
    collect: (gauge) => gauge.set(Number(view.participant(participant)?.lifetimePaid ?? 0n)),
  });

  const fees =
    balance === undefined
      ? undefined
      : metrics.gauge({
          name: 'identity_balance_lamports',
          help: 'What the identity has left for the fees of its transactions; NaN until it is known.',
        });
  fees?.set(Number.NaN);
  const readBalance = (): void => {
    if (balance === undefined || now() - asked < BALANCE_EVERY_MS) return;
    asked = now();
    balance().then(
      (lamports) => fees?.set(Number(lamports)),
      // A silent node shows in `chain_view_age_seconds`; an old balance would hide behind it.
      () => fees?.set(Number.NaN),
    );
  };
  return view.onSlot(() => {
    movedAt = now();
    readBalance();
  });
}
