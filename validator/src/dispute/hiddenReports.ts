import { randomInt } from 'node:crypto';
import { type Domain, equalBytes, toHex, ZERO_HASH } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { EpochFacts } from '../chain/chainReader.ts';
import type { EvidenceChain } from '../chain/evidenceChain.ts';
import type { HiddenReport } from './compareReports.ts';
import type { FoundHidden } from './finding.ts';

/** V-37: of which reports a validator asks for what nobody shows. */
export const HIDDEN_REPORTS = ['none', 'winning', 'all'] as const;
export type HiddenReportChoice = (typeof HIDDEN_REPORTS)[number];

/** After how many looks at an epoch's votes a report of which nobody shows the body is asked for on chain. */
const LOOKS_BEFORE_ASKING = 6;
/** How many validators ask for one report, on average: each by chance, so that who answers gets a few bonds and not everybody's. */
const ASKERS = 4;

/**
 * V-37: decides whether this validator asks for a report that nobody shows, and for which place, neither of which anybody can know
 * before. The report it takes from the cluster's history, asking for another of its votes at each look.
 *
 * @throws KarmeshError `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`.
 */
export function hiddenReports(parts: {
  readonly domain: Domain;
  /** Any liar can have a report of its own hidden and answer for the bonds; that of two thirds no liar below one. */
  readonly choice: HiddenReportChoice;
  readonly chain: Pick<EvidenceChain, 'revealedReport'>;
  readonly epochs: () => readonly EpochFacts[];
  /** How many validators there are. */
  readonly validators: () => number;
  /** How often the body of a report was asked for, by hex hash. */
  readonly asked: (key: string) => number;
  readonly found: (of: FoundHidden) => void;
  readonly log: Pick<Logger, 'warn'>;
}): (hidden: HiddenReport, options: { readonly signal: AbortSignal }) => Promise<void> {
  const { domain, choice, log } = parts;
  /** Whether to ask for a report, by hex hash: decided once, and no more once it is asked for. */
  const isAsker = new Map<string, boolean>();

  return async ({ account, reportHash, voters }, { signal }) => {
    if (choice === 'none' || (choice === 'winning' && !equalBytes(account.reportHash, reportHash))) return;
    const key = toHex(reportHash);
    const looks = parts.asked(key);
    const voter = voters[looks % voters.length];
    if (voter === undefined || looks < LOOKS_BEFORE_ASKING) return;
    const { epoch, verdictsRoot } = account;
    if (isAsker.size > 4096) isAsker.clear();
    const isChosen = isAsker.get(key) ?? randomInt(Math.max(1, parts.validators())) < ASKERS;
    isAsker.set(key, isChosen);
    if (!isChosen) return;
    const revealed = { domain, epoch, verdictsRoot, reportHash, validator: voter };
    const report = await parts.chain.revealedReport(revealed, { signal });
    if (report === undefined) {
      log.warn(
        { epoch: epoch.toString(), report: key },
        'The cluster’s history does not show a report that was voted for; nothing can be asked of it.',
      );
      return;
    }
    isAsker.set(key, false);
    const { priorRoot, participantCount } = report;
    const prior = parts.epochs().find(({ state, root }) => state === 'finalised' && equalBytes(root, priorRoot));
    // Of a report without leaves, or after one that is not followed any more, nothing can be asked.
    if (participantCount === 0 || (prior === undefined && !equalBytes(priorRoot, ZERO_HASH))) return;
    const index = randomInt(participantCount);
    parts.found({ what: 'silence', epoch, reportHash, report, index, voter, priorEpoch: prior?.epoch ?? epoch });
  };
}
