import {
  type ChainParameters,
  type Domain,
  type Entry,
  type EntryContext,
  equalBytes,
  type Hash,
  type Identity,
  identityInEpoch,
  isActiveIn,
  type OffchainParameters,
  type Participant,
  parametersIn,
  type Signed,
  type StakedValidator,
  type Verdict,
  weightIn,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { Auditor } from '../audit/auditor.ts';
import type { ChainReader, EpochFacts, ParticipantFacts } from '../chain/chainReader.ts';
import type { ChainWriter } from '../chain/chainWriter.ts';
import type { ValidatorPeers } from '../peers/validatorPeers.ts';
import type { Protection } from '../slashingProtection/openProtection.ts';
import type { Store } from '../store/openStore.ts';
import type { ClosedSets } from './closedSets.ts';
import type { EpochBodies } from './epochBodies.ts';
import type { EpochContext } from './epochContext.ts';
import type { EscrowRow } from './escrowRow.ts';
import type { Ledger } from './ledger.ts';

/** What the duties of an epoch work with. */
export interface DutyParts {
  readonly domain: Domain;
  readonly me: Participant;
  readonly offchain: OffchainParameters;
  readonly chain: ChainReader;
  readonly writer: ChainWriter;
  readonly store: Store;
  readonly protection: Protection;
  readonly bodies: EpochBodies;
  readonly sets: ClosedSets;
  readonly peers: ValidatorPeers;
  readonly auditor: Auditor;
  readonly ledger: { current(): Ledger; replace(ledger: Ledger): void };
  /** What `epochContext` has worked out, by what it follows from. */
  readonly contexts: Map<string, EpochContext>;
  readonly context: () => EntryContext;
  /** Judges an entry by this validator's own knowledge, and keeps it if it holds. */
  readonly takeEntry: (entry: Entry) => Promise<unknown>;
  /** What an escrow could pay when the epoch ended, if this validator saw it then. */
  readonly escrowAtEnd: (epoch: bigint, escrow: Uint8Array) => EscrowRow | undefined;
  readonly announce: {
    /** Resolves with how many peers got it from us. */
    verdict(signed: Signed<Verdict>): Promise<number>;
    manifest(manifest: { readonly epoch: bigint; readonly manifestHash: Hash; readonly bodyHash: Hash }): Promise<void>;
    report(report: { readonly epoch: bigint; readonly bodyHash: Hash }): Promise<void>;
  };
  /** Own verdicts that a peer has got, by hex hash. */
  readonly heard: Set<string>;
  readonly onStage?: ((stage: string) => void) | undefined;
  readonly randomHash: () => Hash;
  readonly log: Logger;
}

/** `done`: the chain or the disk has it. `waiting`: something is lacking and may come; asked again soon. `refused`: a rule forbids it, for good. */
export type DutyResult = 'done' | 'waiting' | 'refused';

export type RunDuty = (
  parts: DutyParts,
  account: EpochFacts,
  options: { readonly signal: AbortSignal },
) => Promise<DutyResult>;

/** U-02: the validators of an epoch with their stake and the key that signs for them. */
export function validatorsOf(
  participants: readonly ParticipantFacts[],
  epoch: bigint,
): readonly (StakedValidator & { readonly identity: Identity })[] {
  return participants
    .filter((account) => account.role === 'validator' && isActiveIn(account, epoch))
    .map((account) => ({
      participant: account.address,
      index: account.index,
      stake: weightIn(account.weights, epoch) ?? 0n,
      identity: identityInEpoch(account, epoch),
    }));
}

/** The key that a participant speaks with now. */
export function identityOf(participants: readonly ParticipantFacts[], address: Uint8Array): Identity | undefined {
  return participants.find((one) => equalBytes(one.address, address))?.identity;
}

/** P-36: what held, or holds, in an epoch. */
export function parametersOf(parts: Pick<DutyParts, 'chain'>, epoch: bigint): ChainParameters {
  return parametersIn(parts.chain.config(), epoch);
}
