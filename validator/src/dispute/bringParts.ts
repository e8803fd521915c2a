import type { Domain, Identity } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { EvidenceChain } from '../chain/evidenceChain.ts';
import type { EvidenceBudget } from './evidenceBudget.ts';
import type { OffenceName } from './finding.ts';
import type { FindingStore } from './findingStore.ts';

export interface BringParts {
  readonly domain: Domain;
  /** The finder: signs, pays and is paid. */
  readonly identity: Identity;
  readonly chain: EvidenceChain;
  readonly store: FindingStore;
  readonly budget: EvidenceBudget;
  readonly slot: () => bigint;
  /** P-45: whether the chain takes evidence against reports of the epoch now, as far as one knows. */
  readonly isProvable: (epoch: bigint) => boolean;
  /** Whether nobody can reveal a report of the epoch any more. */
  readonly isDecided: (epoch: bigint) => boolean;
  /** Slots that this validator leaves others before it does what any of them can do. */
  readonly turnSlots: (epoch: bigint) => bigint;
  /** P-49: what the next challenge of an epoch's reports costs until it is over, as far as one knows. */
  readonly bondOf: (epoch: bigint) => bigint;
  /** Cases that were seen on chain, by the finding's number and the voter's hex address: each is asked for once. */
  readonly filed: Set<string>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'debug'>;
  readonly observe: (seen: { readonly kind: OffenceName; readonly outcome: EvidenceOutcome }) => void;
  /** Called after each step that the chain has: what a test kills a validator by. */
  readonly onStage?: ((stage: string, about: { readonly epoch: bigint }) => void) | undefined;
}
export type EvidenceOutcome = 'found' | 'shown' | 'elsewhere' | 'answered' | 'refused';
