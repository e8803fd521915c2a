import {
  buildReportSteps,
  type ChainParameters,
  type CheckedEntry,
  compareDispatchPlaces,
  type Domain,
  dispatchPlaceOf,
  encodeReportBody,
  type Hash,
  type LedgerState,
  type ManifestBody,
  type OffchainParameters,
  type Participant,
  type Report,
  reportBody,
  reportHashOf,
  type Signed,
  type StakedValidator,
  startTally,
  type Verdict,
} from '@karmesh/sdk/protocol';
import { inSteps, inTurns, READ_IN_A_TURN } from '../inTurns.ts';

export interface TalliedEpoch {
  readonly report: Report;
  readonly reportHash: Hash;
  /** V-22: the body that is kept and served. */
  readonly body: Uint8Array;
}

/** V-20, V-21: the report that follows from what is closed, drawn and posted, and nothing else. */
export async function tallyEpoch(input: {
  readonly domain: Domain;
  readonly manifest: ManifestBody;
  readonly chain: ChainParameters;
  readonly offchain: OffchainParameters;
  readonly prior: LedgerState;
  /** The set's entries, in dispatch order. */
  readonly entries: () => Iterable<CheckedEntry>;
  readonly carried: readonly CheckedEntry[];
  readonly beacon: Hash;
  readonly verdictsRoot: Hash;
  readonly verdicts: readonly Signed<Verdict>[];
  readonly validators: readonly StakedValidator[];
  readonly indexOf: (participant: Participant) => number;
  readonly signal: AbortSignal;
}): Promise<TalliedEpoch> {
  const { domain, manifest, prior, verdicts, verdictsRoot } = input;
  const { epoch } = manifest;
  const running = startTally({
    ...input,
    epoch,
    escrows: manifest.escrows,
    verdicts: verdicts.map(({ value }) => value),
  });
  const carried = input.carried.toSorted((a, b) => compareDispatchPlaces(dispatchPlaceOf(a), dispatchPlaceOf(b)));
  const merged = mergeSorted(input.entries(), carried, (a, b) =>
    compareDispatchPlaces(dispatchPlaceOf(a), dispatchPlaceOf(b)),
  );
  const waited = new Set(carried);
  for await (const checked of inTurns(merged, { every: READ_IN_A_TURN, signal: input.signal }))
    running.add(checked, { isCarried: waited.has(checked) });
  const { signal } = input;
  const result = await inSteps(running.result(), { signal });
  const { report } = await inSteps(buildReportSteps(domain, { epoch, result, priorRoot: prior.root }), { signal });
  return {
    report,
    reportHash: reportHashOf(domain, { epoch, verdictsRoot, report }),
    body: encodeReportBody(reportBody({ epoch, report, result, verdicts })),
  };
}

/** Two sorted sequences as one; of equals the first's come first. */
function* mergeSorted<T>(first: Iterable<T>, second: readonly T[], compare: (a: T, b: T) => number): Generator<T> {
  let at = 0;
  for (const item of first) {
    for (let other = second[at]; other !== undefined && compare(other, item) < 0; other = second[at]) {
      yield other;
      at += 1;
    }
    yield item;
  }
  yield* second.slice(at);
}
