import {
  buildReport,
  type ChainParameters,
  type CheckedEntry,
  type Domain,
  encode,
  type Hash,
  type LedgerState,
  type ManifestBody,
  type OffchainParameters,
  type Participant,
  type Report,
  reportBody,
  reportBodyCodec,
  reportHashOf,
  type Signed,
  type StakedValidator,
  tally,
  type Verdict,
} from '@karmesh/sdk/protocol';

export interface TalliedEpoch {
  readonly report: Report;
  readonly reportHash: Hash;
  /** V-22: the body that is kept and served. */
  readonly body: Uint8Array;
}

/** V-20, V-21: the report that follows from what is closed, drawn and posted, and nothing else. */
export function tallyEpoch(input: {
  readonly domain: Domain;
  readonly manifest: ManifestBody;
  readonly chain: ChainParameters;
  readonly offchain: OffchainParameters;
  readonly prior: LedgerState;
  readonly entries: readonly CheckedEntry[];
  readonly carried: readonly CheckedEntry[];
  readonly beacon: Hash;
  readonly verdictsRoot: Hash;
  readonly verdicts: readonly Signed<Verdict>[];
  readonly validators: readonly StakedValidator[];
  readonly indexOf: (participant: Participant) => number;
}): TalliedEpoch {
  const { domain, manifest, prior, verdicts, verdictsRoot } = input;
  const { epoch } = manifest;
  const result = tally({
    ...input,
    epoch,
    escrows: manifest.escrows,
    verdicts: verdicts.map(({ value }) => value),
  });
  const { report } = buildReport(domain, { epoch, result, priorRoot: prior.root });
  return {
    report,
    reportHash: reportHashOf(domain, { epoch, verdictsRoot, report }),
    body: encode(reportBodyCodec, reportBody({ epoch, report, result, verdicts })),
  };
}
