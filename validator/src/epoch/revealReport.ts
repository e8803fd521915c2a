import type { RunDuty } from './dutyParts.ts';

/** P-18: shows what was sealed, once two thirds have sealed. */
export const revealReport: RunDuty = async (parts, account, { signal }) => {
  const { epoch, verdictAttempt } = account;
  const vote = parts.protection.rootVote(epoch, verdictAttempt);
  if (vote === undefined) return 'refused';
  const signature = await parts.writer.revealRoot({ epoch, report: vote.report, salt: vote.salt }, { signal });
  parts.log.info({ epoch: epoch.toString(), signature }, 'The report was revealed.');
  return 'done';
};
