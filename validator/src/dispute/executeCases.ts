import { type CaseAccount, programErrorName } from '@karmesh/sdk/program';
import { toHex } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { EvidenceChain } from '../chain/evidenceChain.ts';
import type { DutyResult } from '../epoch/dutyParts.ts';
import type { EvidenceBudget } from './evidenceBudget.ts';
import { EVIDENCE_COSTS } from './evidenceCosts.ts';

export interface CaseWatchParts {
  readonly chain: Pick<EvidenceChain, 'cases' | 'execute'>;
  readonly budget: EvidenceBudget;
  readonly slot: () => bigint;
  readonly firstSlotOf: (epoch: bigint) => bigint;
  readonly epochAt: (slot: bigint) => bigint;
  readonly slashDelayEpochs: () => bigint;
  /** Slots that this validator leaves others before it does what any of them can do. */
  readonly turnSlots: (epoch: bigint) => bigint;
  readonly log: Pick<Logger, 'info'>;
  readonly onExecuted: () => void;
}

/** P-43: executes cases that are due, whoever filed them, each in this validator's turn. */
export interface CaseWatch {
  /** Whether to look now. `openCases` is how many all participants have. */
  isDue(openCases: number): boolean;
  /** Throws what RPC throws. */
  run(options: { readonly signal: AbortSignal }): Promise<DutyResult>;
}

export function caseWatch(parts: CaseWatchParts): CaseWatch {
  let nextSlot = 0n;
  let known = 0;

  /** From when on this validator executes a case: once its delay is over and, of one that this epoch's bound held up, in the next epoch. */
  function dueSlot({ filedEpoch, slashedLamports }: CaseAccount): bigint {
    const from = filedEpoch + parts.slashDelayEpochs();
    const current = parts.epochAt(parts.slot());
    const epoch = slashedLamports > 0n && current > from ? current : from;
    return parts.firstSlotOf(epoch) + parts.turnSlots(filedEpoch);
  }

  async function execute(filed: CaseAccount, signal: AbortSignal): Promise<bigint> {
    const { offender } = filed;
    const nextEpoch = parts.firstSlotOf(parts.epochAt(parts.slot()) + 1n) + parts.turnSlots(filed.filedEpoch);
    if (!parts.budget.take(EVIDENCE_COSTS.fee)) return nextEpoch;
    try {
      const signature = await parts.chain.execute(filed, { signal });
      parts.log.info({ offender: toHex(offender), signature }, 'A case was executed.');
      parts.onExecuted();
    } catch (error) {
      const name = programErrorName(error);
      // The epoch's bound is used up, or another was faster.
      if (name !== 'SlashCapped' && name !== 'BadState' && name !== 'CaseOpen') throw error;
    }
    return nextEpoch;
  }

  return {
    isDue(openCases) {
      if (openCases !== known) nextSlot = 0n;
      known = openCases;
      return openCases > 0 && parts.slot() >= nextSlot;
    },
    async run({ signal }) {
      const open = (await parts.chain.cases({ signal })).filter(({ executed }) => executed === 0);
      let next: bigint | undefined;
      for (const filed of open) {
        const due = dueSlot(filed);
        const again = parts.slot() < due ? due : await execute(filed, signal);
        if (next === undefined || again < next) next = again;
      }
      nextSlot = next ?? parts.firstSlotOf(parts.epochAt(parts.slot()) + 1n);
      return 'done';
    },
  };
}
