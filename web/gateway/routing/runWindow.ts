import {
  type Domain,
  type EngineClassId,
  type Entry,
  equalBytes,
  hashOf,
  type Measurements,
  type ModelId,
  measurementsCodec,
  receiptRecord,
  toHex,
  type Verdict,
} from '@karmesh/sdk/protocol';

/** What became of a worker that was drawn. */
type Deed = {
  /** Hexadecimal. */
  readonly worker: string;
  readonly outcome: 'agreed' | 'dissented' | `refused ${string}` | `timed-out ${string}`;
  /** From the dispatch to its seal, by this gateway's signed times; undefined without a receipt. */
  readonly sealMs: number | undefined;
  readonly outputTokens: number;
  /** Hexadecimal; empty without a receipt. */
  readonly receiptHash: string;
};

/** A finished dispatch. */
type Run = {
  /** Model and engine class, hexadecimal. */
  readonly group: string;
  readonly isAgreed: boolean;
  readonly isProof: boolean;
  readonly finishedAtMs: bigint;
  readonly deeds: readonly Deed[];
};

/** What final epochs' reports say of one receipt. */
type Audit = { readonly passed: number; readonly withoutDifference: number; readonly failedRules: readonly number[] };

/** Milliseconds that half and nineteen of twenty took at most. */
export type Percentiles = { readonly p50: number; readonly p95: number };

/** One worker, as this gateway's own signed entries and the reports of final epochs show it. */
export type WorkerEvidence = {
  readonly drawn: number;
  readonly agreed: number;
  readonly dissented: number;
  /** By reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** By cause. */
  readonly timedOut: Readonly<Record<string, number>>;
  readonly sealMs: Percentiles | undefined;
  readonly msPerToken: Percentiles | undefined;
  readonly audits: {
    readonly passed: number;
    /** Of those, how many replays had the very same tokens with no gap at all. */
    readonly withoutDifference: number;
    /** Of those, how many were of `proof` answers. */
    readonly ofProofs: number;
    /** By rule (U-03). */
    readonly failed: Readonly<Record<string, number>>;
  };
};

/** How the workers of a model in one engine class do together. */
export type GroupStanding = {
  readonly runs: number;
  /** Of 1. */
  readonly agreedShare: number;
  /** Median, of the seals that agreed. */
  readonly msPerToken: number;
};

export type RunWindow = {
  add(entry: Entry): void;
  /** A verdict of a final epoch's report on a receipt; of one that is not in the window nothing is kept. */
  addVerdict(verdict: Verdict): void;
  /** How many runs are in it, and when the oldest of them was finished (Unix milliseconds). */
  size(): { readonly runs: number; readonly sinceMs: number | undefined };
  worker(participant: Uint8Array): WorkerEvidence;
  /** Undefined where fewer than `minRuns` are known. */
  group(modelId: ModelId, engineClass: EngineClassId): GroupStanding | undefined;
};

/** Runs of a group before it has a standing. */
const MIN_RUNS = 8;

/** The newest finished dispatches of this gateway, and what they and their audits say of workers. Whatever it tells can be counted again from the entries. */
export const runWindow = (options: {
  readonly domain: Domain;
  readonly maxRuns: number;
  /** The newest of a group by which it is judged. */
  readonly groupRuns: number;
}): RunWindow => {
  const runs: Run[] = [];
  const receipts = new Map<string, { readonly outputTokens: number; audit: Audit }>();
  /** Made when somebody asks, of the runs as they are: anybody may, and there are many workers. */
  let byWorker: ReadonlyMap<string, readonly (Deed & Pick<Run, 'isProof'>)[]> | undefined;

  const deedsOf = (worker: string): readonly (Deed & Pick<Run, 'isProof'>)[] => {
    byWorker ??= Map.groupBy(
      runs.flatMap(({ deeds, isProof }) => deeds.map((deed) => ({ ...deed, isProof }))),
      (deed) => deed.worker,
    );
    return byWorker.get(worker) ?? [];
  };

  const percentiles = (values: readonly number[]): Percentiles | undefined => {
    const sorted = [...values].sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
    return sorted.length === 0 ? undefined : { p50: at(0.5), p95: at(0.95) };
  };

  return {
    add(entry) {
      const run = runOf(options.domain, entry);
      runs.push(run);
      byWorker = undefined;
      for (const { outputTokens, receiptHash } of run.deeds)
        if (receiptHash !== '') receipts.set(receiptHash, { outputTokens, audit: NO_AUDIT });
      if (runs.length <= options.maxRuns) return;
      for (const { receiptHash } of runs.shift()?.deeds ?? []) receipts.delete(receiptHash);
    },
    addVerdict({ measurementsHash, receiptHash, rule, verdict }) {
      const receipt = receipts.get(toHex(receiptHash));
      if (receipt === undefined) return;
      const { failedRules, passed, withoutDifference } = receipt.audit;
      const isSame = equalBytes(measurementsHash, noDifference(receipt.outputTokens));
      receipt.audit =
        verdict === 'pass'
          ? { passed: passed + 1, withoutDifference: withoutDifference + (isSame ? 1 : 0), failedRules }
          : { passed, withoutDifference, failedRules: [...failedRules, rule] };
    },
    size() {
      const [oldest] = runs;
      return { runs: runs.length, sinceMs: oldest === undefined ? undefined : Number(oldest.finishedAtMs) };
    },
    worker(participant) {
      const deeds = deedsOf(toHex(participant));
      const count = (wanted: Deed['outcome']): number => deeds.filter(({ outcome }) => outcome === wanted).length;
      const sealed = deeds.filter(({ sealMs }) => sealMs !== undefined);
      const audited = deeds.flatMap(({ isProof, receiptHash }) => {
        const audit = receipts.get(receiptHash)?.audit;
        return audit === undefined ? [] : [{ ...audit, isProof }];
      });
      return {
        drawn: deeds.length,
        agreed: count('agreed'),
        dissented: count('dissented'),
        refused: tally(deeds.flatMap(({ outcome }) => afterPrefix(outcome, 'refused '))),
        timedOut: tally(deeds.flatMap(({ outcome }) => afterPrefix(outcome, 'timed-out '))),
        sealMs: percentiles(sealed.map(({ sealMs = 0 }) => sealMs)),
        msPerToken: percentiles(sealed.map(msPerToken)),
        audits: {
          passed: sum(audited.map(({ passed }) => passed)),
          withoutDifference: sum(audited.map(({ withoutDifference }) => withoutDifference)),
          ofProofs: sum(audited.map(({ isProof, passed }) => (isProof ? passed : 0))),
          failed: tally(audited.flatMap(({ failedRules }) => failedRules.map(String))),
        },
      };
    },
    group(modelId, engineClass) {
      const name = groupName(modelId, engineClass);
      const own = runs.filter(({ group }) => group === name).slice(-options.groupRuns);
      if (own.length < MIN_RUNS) return undefined;
      const paces = own.flatMap(({ deeds }) => deeds.filter(({ outcome }) => outcome === 'agreed').map(msPerToken));
      return {
        runs: own.length,
        agreedShare: own.filter(({ isAgreed }) => isAgreed).length / own.length,
        msPerToken: percentiles(paces)?.p50 ?? Number.POSITIVE_INFINITY,
      };
    },
  };
};

const NO_AUDIT: Audit = { passed: 0, withoutDifference: 0, failedRules: [] };

const groupName = (modelId: ModelId, engineClass: EngineClassId): string => `${toHex(modelId)} ${toHex(engineClass)}`;

const msPerToken = ({ outputTokens, sealMs = 0 }: Deed): number => sealMs / Math.max(1, outputTokens);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const afterPrefix = (text: string, prefix: string): string[] =>
  text.startsWith(prefix) ? [text.slice(prefix.length)] : [];

function tally(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** U-04: the hash of a replay that had the very same tokens, with no gap. */
function noDifference(tokens: number): Uint8Array {
  const measurements: Measurements = { tokens, differing: 0, largestGapMicro: 0n, gapSumMicro: 0n };
  return hashOf(measurementsCodec, measurements);
}

function runOf(domain: Domain, { dispatch, evidence, outcome }: Entry): Run {
  const { assurance, dispatchedAtMs, engineClass, modelId } = dispatch.value;
  const { finishedAtMs, outputHash, verdict } = outcome.value;
  const isAgreed = verdict === 'agreed';
  return {
    group: groupName(modelId, engineClass),
    isAgreed,
    isProof: assurance === 'proof',
    finishedAtMs,
    deeds: [
      ...evidence.receipts.map(({ receipt }): Deed => {
        const { value } = receipt;
        const sealed = evidence.seals.find(({ seal }) => equalBytes(seal.value.worker, value.worker));
        return {
          worker: toHex(value.worker),
          outcome: isAgreed && equalBytes(value.outputHash, outputHash) ? 'agreed' : 'dissented',
          sealMs: sealed === undefined ? undefined : Number(sealed.arrivedAtMs - dispatchedAtMs),
          outputTokens: value.outputTokens,
          receiptHash: toHex(receiptRecord.hash(domain, value)),
        };
      }),
      ...evidence.refusals.map(({ value }) => unanswered(value.worker, `refused ${value.reason}`)),
      ...evidence.timeouts.map(({ value }) => unanswered(value.worker, `timed-out ${value.cause}`)),
    ],
  };
}

const unanswered = (worker: Uint8Array, outcome: Deed['outcome']): Deed => ({
  worker: toHex(worker),
  outcome,
  sealMs: undefined,
  outputTokens: 0,
  receiptHash: '',
});
