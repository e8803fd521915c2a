import { VOTE_FLAG, type VoteAccount } from '@karmesh/sdk/program';
import {
  type Domain,
  equalBytes,
  type Hash,
  type Identity,
  type Participant,
  reportBodyCodec,
  toHex,
  tryDecode,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { EpochFacts } from '../chain/chainReader.ts';
import type { EvidenceChain } from '../chain/evidenceChain.ts';
import type { DutyResult } from '../epoch/dutyParts.ts';
import type { EpochBodies } from '../epoch/epochBodies.ts';
import { findReport } from '../epoch/ledger.ts';
import { contradictionIn, type KnownReport, readRevealed } from './contradiction.ts';
import type { Found } from './finding.ts';
import type { FindingStore } from './findingStore.ts';

/** Of one epoch, those with most stake behind them: each has a body of up to 50 MB. */
const MAX_REPORTS = 8;

/** A report of which only the hash is known. */
export interface HiddenReport {
  readonly account: EpochFacts;
  readonly reportHash: Hash;
  readonly voters: readonly Participant[];
}

export interface CompareParts {
  readonly domain: Domain;
  readonly chain: Pick<EvidenceChain, 'votes'>;
  readonly bodies: EpochBodies;
  readonly store: Pick<FindingStore, 'note'>;
  readonly epochs: () => readonly EpochFacts[];
  /** Whether nobody can reveal a report of the epoch any more. */
  readonly isDecided: (epoch: bigint) => boolean;
  readonly identityOf: (participant: Uint8Array) => Identity | undefined;
  /** The hash of the report that this validator tallied over the posted verdicts; undefined if it tallied none. */
  readonly ownReport: (account: EpochFacts) => Hash | undefined;
  readonly found: (found: Found) => void;
  /** V-37: called at each look for a report that is not its own, and whose body none of the voters shows. */
  readonly hidden: (hidden: HiddenReport) => void;
  /** Reports that were looked through, by hex hash: each once. */
  readonly seen: Set<string>;
  /** How often a report's body was asked for, by hex hash: each time another voter is asked first. */
  readonly asked: Map<string, number>;
  readonly log: Pick<Logger, 'warn' | 'info'>;
}

/**
 * V-31: compares each report that somebody revealed with this validator's own and looks for what shows a different one to be false. `waiting` while a body is not
 * to be had, `done` once all that was revealed was looked at. Throws what RPC throws.
 */
export async function compareReports(
  parts: CompareParts,
  account: EpochFacts,
  { signal }: { readonly signal: AbortSignal },
): Promise<DutyResult> {
  const { seen, log } = parts;
  const { epoch, verdictsRoot } = account;
  const own = parts.ownReport(account);
  let isComplete = true;
  for (const { reportHash, voters } of revealedReports(await parts.chain.votes(epoch, { signal }))) {
    const key = toHex(reportHash);
    if (seen.has(key) || (own !== undefined && equalBytes(own, reportHash))) continue;
    const next = nextOf(parts.asked, key, voters);
    const from = next && parts.identityOf(next);
    const report = await parts.bodies.find(
      {
        epoch,
        kind: 'report',
        key: reportHash,
        from,
        parse: (bytes) => {
          const body = tryDecode(reportBodyCodec, bytes);
          return body === undefined ? undefined : readRevealed(parts.domain, { body, epoch, verdictsRoot, reportHash });
        },
      },
      { signal },
    );
    const prior = report === undefined ? undefined : await priorOf(parts, report, { signal });
    if (report === undefined || prior === 'missing') {
      isComplete = false;
      if (report === undefined && own !== undefined) parts.hidden({ account, reportHash, voters });
      continue;
    }
    if (seen.size > 4096) seen.clear();
    seen.add(key);
    const contradiction = contradictionIn(report, prior?.report);
    if (contradiction === undefined) {
      if (own !== undefined)
        log.warn(
          { epoch: epoch.toString(), report: key, own: toHex(own) },
          'A report that was voted for is not this validator’s own, and nothing in it contradicts itself.',
        );
      continue;
    }
    parts.found({
      type: 'falseReport',
      of: { ...contradiction, epoch, reportHash, priorEpoch: prior?.epoch ?? epoch },
    });
  }
  if (isComplete && parts.isDecided(epoch)) parts.store.note('reports', epoch);
  return isComplete ? 'done' : 'waiting';
}

/** Whose turn it is to be asked. */
function nextOf(asked: Map<string, number>, key: string, voters: readonly Participant[]): Participant | undefined {
  const times = asked.get(key) ?? 0;
  if (asked.size > 4096) asked.clear();
  asked.set(key, times + 1);
  return voters[times % voters.length];
}

/** The reports that were revealed, each with its voters, those with most stake first. */
function revealedReports(
  votes: readonly VoteAccount[],
): readonly { readonly reportHash: Hash; readonly voters: readonly Participant[] }[] {
  const revealed = votes.filter(({ flags }) => (flags & VOTE_FLAG.revealed) !== 0);
  return [...Map.groupBy(revealed, ({ reportHash }) => toHex(reportHash)).values()]
    .map((of) => ({ of, stake: of.reduce((sum, { stake }) => sum + stake, 0n) }))
    .sort((a, b) => (a.stake < b.stake ? 1 : -1))
    .slice(0, MAX_REPORTS)
    .flatMap(({ of }) => {
      const voters = of.map(({ validator }) => validator);
      return of.slice(0, 1).map(({ reportHash }) => ({ reportHash, voters }));
    });
}

/** The final report that this one follows on; undefined if it follows on none, `missing` while its body is not to be had. */
export async function priorOf(
  parts: Pick<CompareParts, 'domain' | 'bodies' | 'epochs' | 'identityOf'>,
  { body }: KnownReport,
  options: { readonly signal: AbortSignal },
): Promise<{ readonly epoch: bigint; readonly report: KnownReport } | 'missing' | undefined> {
  const { priorRoot } = body.report;
  if (equalBytes(priorRoot, ZERO_HASH)) return undefined;
  const account = parts.epochs().find(({ state, root }) => state === 'finalised' && equalBytes(root, priorRoot));
  const found = account === undefined ? undefined : await findReport(parts, account, options);
  return account === undefined || found === undefined ? 'missing' : { epoch: account.epoch, report: found };
}
