import { equalBytes } from '@karmesh/sdk/protocol';
import type { RunDuty } from './dutyParts.ts';

/** P-18: shows what was sealed, once two thirds have sealed, and says where the report's body is. */
export const revealReport: RunDuty = async (parts, account, { signal }) => {
  const { epoch, verdictAttempt } = account;
  const vote = parts.protection.rootVote(epoch, verdictAttempt);
  if (vote === undefined) return 'refused';
  const signature = await parts.writer.revealRoot({ epoch, report: vote.report, salt: vote.salt }, { signal });
  const bodies = parts.store.bodiesOf(epoch);
  const body = bodies.find(({ kind, key }) => kind === 'report' && equalBytes(key, vote.reportHash));
  if (body !== undefined) await parts.announce.report({ epoch, bodyHash: body.bodyHash });
  parts.log.info({ epoch: epoch.toString(), signature }, 'The report was revealed.');
  return 'done';
};
