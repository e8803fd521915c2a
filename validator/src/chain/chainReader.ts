import type {
  ChainParameters,
  EntryContext,
  EscrowAddress,
  Hash,
  ParameterChange,
  Participant,
  WorkerAccount,
} from '@karmesh/sdk/protocol';
import type { EscrowFacts } from '../epoch/escrowRow.ts';

/** Config, as far as duties need it. Undefined stands for the chain's 2^64-1. */
export interface ConfigFacts {
  readonly epochZeroSlot: bigint | undefined;
  readonly lastFinalisedEpoch: bigint | undefined;
  readonly lastRoot: Hash;
  readonly offchainParametersHash: Hash;
  /** After the last vote. `parametersIn` tells what held in an epoch (P-36). */
  readonly parameters: ChainParameters;
  readonly changes: readonly ParameterChange[];
}

export type Role = 'worker' | 'validator' | 'gateway';

/** A participant's account (docs/protocol.md, Participant). Karma in micro-karma, paid in lamports, stake in units (P-29). */
export interface ParticipantFacts extends WorkerAccount {
  readonly role: Role;
  readonly owner: Uint8Array;
  readonly roleOrdinal: number;
  readonly activeFromEpoch: bigint;
  readonly ownUnits: bigint;
  readonly slashIndex: bigint;
  readonly karma: readonly bigint[];
  readonly lifetime: readonly bigint[];
  readonly lifetimePaid: bigint;
  /** Cases that hold its stake (P-42). */
  readonly openCases: number;
}

/** An epoch's states on chain, in order. */
export const EPOCH_STATES = ['closed', 'attested', 'beacon', 'verdicts', 'reported', 'finalised'] as const;
export type EpochState = (typeof EPOCH_STATES)[number];

/** An epoch's account (docs/protocol.md, Epoch). Fields that are not yet set are zero, as on chain. */
export interface EpochFacts {
  readonly epoch: bigint;
  readonly state: EpochState;
  readonly totalStake: bigint;
  readonly validatorCount: number;
  readonly manifestHash: Hash;
  readonly receiptSetRoot: Hash;
  readonly closeSlot: bigint;
  readonly proposer: Participant;
  readonly attestedStake: bigint;
  readonly attestedSlot: bigint;
  readonly beaconTargetSlot: bigint;
  readonly beacon: Hash;
  readonly verdictsRoot: Hash;
  readonly verdictCount: number;
  readonly verdictAttempt: number;
  readonly verdictsSlot: bigint;
  readonly verdictsProposer: Participant;
  readonly sealedStake: bigint;
  readonly sealsSlot: bigint;
  readonly reportHash: Hash;
  readonly root: Hash;
  readonly priorRoot: Hash;
  readonly escrowCount: number;
  readonly settledCount: number;
  readonly quorumSlot: bigint;
  /** P-49: challenges of its reports that were neither answered nor ended. */
  readonly openChallenges: number;
}

/** This validator's vote account in an epoch. */
export interface VoteFacts {
  readonly attested: boolean;
  readonly saltRevealed: boolean;
  readonly sealed: boolean;
  readonly revealed: boolean;
  readonly sealAttempt: number;
  /** What the attestation commits to (P-14), zeros before it. */
  readonly saltHash: Hash;
  /** The newest seal (P-17), zeros before it. */
  readonly seal: Hash;
}

/** A vote of this validator in an epoch that is decided. */
export interface OpenVote {
  readonly epoch: bigint;
  /** Who paid its rent, and gets it back. */
  readonly payer: Uint8Array;
  /** From when on anyone may close it (P-22). */
  readonly endsAtSlot: bigint;
}

/** Asks the chain for this validator's votes of any age. Throws `RPC_UNREACHABLE`, `RPC_FAILED`. */
export interface OwnVoteReader {
  /** This validator's votes whose time for evidence may be over, at most the 64 oldest, ascending. One scan, and an account for each. */
  openVotes(options: { readonly signal: AbortSignal }): Promise<readonly OpenVote[]>;
  /** Undefined for a vote that was closed or that is of an epoch which is not decided. */
  openVote(epoch: bigint, options: { readonly signal: AbortSignal }): Promise<OpenVote | undefined>;
}

/** Asks the chain for what is older than what `refresh` reads. Throws `RPC_UNREACHABLE`, `RPC_FAILED`. */
export interface PastChain {
  epoch(epoch: bigint, options: { readonly signal: AbortSignal }): Promise<EpochFacts | undefined>;
  gatewayChain(
    gateway: Participant,
    epoch: bigint,
    options: { readonly signal: AbortSignal },
  ): Promise<ReturnType<EntryContext['chain']>>;
}

/** What the last refresh saw. Lookups answer undefined for what is not there or was not asked for. */
export interface ChainReader {
  /** Throws `RPC_UNREACHABLE` or `RPC_FAILED`; what was seen before stays. */
  refresh(options: { readonly signal: AbortSignal }): Promise<void>;
  slot(): bigint;
  config(): ConfigFacts;
  participants(): readonly ParticipantFacts[];
  slotHash(slot: bigint): Hash | undefined;
  readonly gatewayChain: EntryContext['chain'];
  escrow(address: EscrowAddress): EscrowFacts | undefined;
  /** The accounts of the epochs that are not final, and of the last ones that are, ascending. */
  epochs(): readonly EpochFacts[];
  vote(epoch: bigint): VoteFacts | undefined;
  readonly past: PastChain;
  readonly ownVotes: OwnVoteReader;
}
