import type { EpochBodies } from '@karmesh/sdk/participant';
import { type ChainView, NONE } from '@karmesh/sdk/program';
import { equalBytes, type KarmaVector, type ReportBody, toHex, ZERO_HASH, ZERO_KARMA } from '@karmesh/sdk/protocol';

/** What each participant earned in one final epoch, in micro-karma, by hex address; who earned nothing is not in it. */
export type EpochKarma = { readonly epoch: bigint; readonly earned: ReadonlyMap<string, KarmaVector> };

export type KarmaHistory = {
  /** The last final epochs whose reports could be had, the oldest first. */
  read(): Promise<readonly EpochKarma[]>;
};

type Totals = {
  readonly root: Uint8Array;
  readonly priorRoot: Uint8Array;
  readonly lifetimes: ReadonlyMap<string, KarmaVector>;
};

/**
 * Reads who earned what from the reports that two thirds of the stake voted for. A report holds everybody's lifetime, so that an epoch's
 * earnings are what it has over the report before it. However many ask, each report is fetched once; one that nobody had within
 * `fetchMs` is asked for again after `retryMs`.
 */
export const karmaHistory =
  (options: { readonly epochs: number; readonly fetchMs: number; readonly retryMs: number }) =>
  (parts: {
    readonly view: Pick<ChainView, 'config'>;
    readonly bodies: Pick<EpochBodies, 'report'>;
    readonly clock: { nowMs(): number };
  }): KarmaHistory => {
    const { bodies, clock, view } = parts;
    const kept = new Map<bigint, Totals>();
    const missedMs = new Map<bigint, number>();
    let reading: Promise<void> | undefined;

    /** One more than are shown, which says what the first of those began with. */
    const wanted = (): readonly bigint[] => {
      const last = view.config().lastFinalisedEpoch;
      if (last === NONE) return [];
      const first = last > BigInt(options.epochs) ? last - BigInt(options.epochs) : 0n;
      return Array.from({ length: Number(last - first) + 1 }, (_, i) => first + BigInt(i));
    };

    const fetchReport = async (epoch: bigint): ReturnType<EpochBodies['report']> => {
      const signal = AbortSignal.timeout(options.fetchMs);
      try {
        return await bodies.report(epoch, { signal });
      } catch (cause) {
        // Validators that are too slow count as those that do not have it.
        if (signal.aborted) return undefined;
        throw cause;
      }
    };

    const fill = async (): Promise<void> => {
      const epochs = wanted();
      for (const epoch of [...kept.keys(), ...missedMs.keys()]) {
        if (epoch < (epochs[0] ?? 0n)) {
          kept.delete(epoch);
          missedMs.delete(epoch);
        }
      }
      for (const epoch of epochs.toReversed()) {
        const missed = missedMs.get(epoch);
        if (kept.has(epoch) || (missed !== undefined && clock.nowMs() - missed < options.retryMs)) continue;
        const report = await fetchReport(epoch);
        if (report === undefined) missedMs.set(epoch, clock.nowMs());
        else kept.set(epoch, totalsOf(report.body));
      }
    };

    return {
      async read() {
        reading ??= fill().finally(() => {
          reading = undefined;
        });
        await reading;
        return wanted().flatMap((epoch) => {
          const totals = kept.get(epoch);
          const earned = totals === undefined ? undefined : earnings(totals, [...kept.values()]);
          return earned === undefined ? [] : [{ epoch, earned }];
        });
      },
    };
  };

function totalsOf({ lifetimes, report }: ReportBody): Totals {
  return {
    root: report.root,
    priorRoot: report.priorRoot,
    lifetimes: new Map(lifetimes.map(({ participant, karma }) => [toHex(participant), karma])),
  };
}

/** Undefined where the report that this one goes on from is not there; epochs that never became final lie between some. */
function earnings(totals: Totals, others: readonly Totals[]): ReadonlyMap<string, KarmaVector> | undefined {
  const before = others.find(({ root }) => equalBytes(root, totals.priorRoot));
  // Before the first root nobody had earned anything.
  if (before === undefined && !equalBytes(totals.priorRoot, ZERO_HASH)) return undefined;
  const earned = new Map<string, KarmaVector>();
  for (const [participant, [a, b, c, d, e]] of totals.lifetimes) {
    const [pa, pb, pc, pd, pe] = before?.lifetimes.get(participant) ?? ZERO_KARMA;
    const karma: KarmaVector = [a - pa, b - pb, c - pc, d - pd, e - pe];
    if (karma.some((part) => part > 0n)) earned.set(participant, karma);
  }
  return earned;
}
