import {
  type Domain,
  equalBytes,
  type Hash,
  type Identity,
  type LedgerState,
  type ReportBody,
  type ReportTrees,
  reportBodyCodec,
  reportHashOf,
  toHex,
  treesOfBodySteps,
  tryDecode,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import type { ConfigFacts, EpochFacts } from '../chain/chainReader.ts';
import { inSteps } from '../inTurns.ts';
import type { EpochBodies } from './epochBodies.ts';

/** Where the ledger stands: the last final report with all its paths. Before the first one `last` is undefined. */
export interface Ledger {
  readonly state: LedgerState;
  readonly last: { readonly epoch: bigint; readonly body: ReportBody; readonly trees: ReportTrees } | undefined;
}

/** V-20: nothing has been earned before the first report. */
export const EMPTY_LEDGER: Ledger = {
  state: { root: ZERO_HASH, lifetimes: [], escrowDebits: [], carried: [] },
  last: undefined,
};

/** A report's body whose trees reach the report, and whose report is the one that the chain's hash stands for. */
export interface FoundReport {
  readonly body: ReportBody;
  readonly trees: ReportTrees;
  readonly state: LedgerState;
}

/** V-22: reads a received report. Undefined unless it is that of the epoch's account. */
export async function parseReport(
  domain: Domain,
  expected: {
    readonly bytes: Uint8Array;
    readonly epoch: bigint;
    readonly verdictsRoot: Hash;
    readonly reportHash: Hash;
  },
): Promise<FoundReport | undefined> {
  const body = tryDecode(reportBodyCodec, expected.bytes);
  if (body === undefined || body.epoch !== expected.epoch) return undefined;
  const { epoch, verdictsRoot } = expected;
  const reportHash = reportHashOf(domain, { epoch, verdictsRoot, report: body.report });
  if (toHex(reportHash) !== toHex(expected.reportHash)) return undefined;
  const trees = await inSteps(treesOfBodySteps(domain, body), {});
  return trees === undefined ? undefined : { body, ...trees };
}

/** The report that two thirds revealed for an epoch, from disk or from peers. */
export async function findReport(
  parts: {
    readonly domain: Domain;
    readonly bodies: EpochBodies;
    readonly identityOf: (participant: Uint8Array) => Identity | undefined;
  },
  account: EpochFacts,
  { signal }: { readonly signal: AbortSignal },
): Promise<FoundReport | undefined> {
  const { epoch, verdictsRoot, reportHash } = account;
  return parts.bodies.find(
    {
      epoch,
      kind: 'report',
      key: reportHash,
      from: parts.identityOf(account.verdictsProposer),
      parse: (bytes) => parseReport(parts.domain, { bytes, epoch, verdictsRoot, reportHash }),
    },
    { signal },
  );
}

/** The ledger at the chain's last final epoch; undefined until its report is found. A newcomer goes on from here (V-22). */
export async function loadLedger(
  parts: Parameters<typeof findReport>[0],
  chain: { readonly config: ConfigFacts; readonly epochs: readonly EpochFacts[] },
  options: { readonly signal: AbortSignal },
): Promise<Ledger | undefined> {
  const { lastFinalisedEpoch, lastRoot } = chain.config;
  if (lastFinalisedEpoch === undefined) return EMPTY_LEDGER;
  const account = chain.epochs.find(({ epoch }) => epoch === lastFinalisedEpoch);
  const found = account === undefined ? undefined : await findReport(parts, account, options);
  if (found === undefined || !equalBytes(found.state.root, lastRoot)) return undefined;
  return { state: found.state, last: { epoch: lastFinalisedEpoch, body: found.body, trees: found.trees } };
}
