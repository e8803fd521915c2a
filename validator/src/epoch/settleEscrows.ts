import { programErrorName } from '@karmesh/sdk/program';
import type { RunDuty } from './dutyParts.ts';
import { identityOf } from './dutyParts.ts';
import { findReport } from './ledger.ts';

/** P-19: settles every escrow of the epoch's report that is not settled yet. */
export const settleEscrows: RunDuty = async (parts, account, { signal }) => {
  const { chain, domain, bodies, writer, log } = parts;
  const { epoch } = account;
  const participants = chain.participants();
  const found = await findReport({ domain, bodies, identityOf: (one) => identityOf(participants, one) }, account, {
    signal,
  });
  if (found === undefined) return 'waiting';
  for (const [index, settlement] of found.body.settlements.entries()) {
    const settled = chain.escrow(settlement.escrow)?.lastSettledEpoch;
    if (settled !== undefined && settled >= epoch) continue;
    const path = found.trees.settlements.path(index);
    try {
      const signature = await writer.settleEscrow({ epoch, index, ...settlement, path }, { signal });
      log.info({ epoch: epoch.toString(), debit: settlement.debit.toString(), signature }, 'An escrow was settled.');
    } catch (error) {
      // Another validator was faster.
      if (programErrorName(error) !== 'AlreadySettled') throw error;
    }
  }
  return 'done';
};
