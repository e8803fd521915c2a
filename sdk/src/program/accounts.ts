import type { KarmaVector } from '../protocol/karma.ts';
import type { ParameterChange } from '../protocol/parameters.ts';
import type { Weights } from '../protocol/weights.ts';
import type { Address } from './address.ts';
import { decodeAccountFields } from './decodeAccountFields.ts';

/** 2^64 - 1: "none" in fields that hold a slot or an epoch. */
export const NONE = 0xffff_ffff_ffff_ffffn;

/** Five lifetimes in micro-karma and owed in lamports: the sums of the lifetime tree. */
export type LifetimeTotals = readonly [bigint, bigint, bigint, bigint, bigint, bigint];

/** docs/protocol.md, Config. */
export interface ConfigAccount {
  readonly version: number;
  readonly bump: number;
  readonly started: number;
  readonly vaultBump: number;
  readonly tokenVaultBump: number;
  readonly domain: Uint8Array;
  readonly genesis: Uint8Array;
  readonly initialiser: Address;
  /** `NONE` before `start`. */
  readonly epochZeroSlot: bigint;
  readonly participantCount: number;
  readonly workerCount: number;
  readonly gatewayCount: number;
  readonly validatorCount: number;
  /** `NONE` before the first. */
  readonly lastFinalisedEpoch: bigint;
  readonly lastRoot: Uint8Array;
  readonly lastTotals: LifetimeTotals;
  readonly offchainParametersHash: Uint8Array;
  /** The 40 parameters in the order of docs/protocol.md. */
  readonly parameters: readonly bigint[];
  /** P-28: the weight of all validators, by epoch. */
  readonly stake: Weights;
  /** How many validators were registered, by epoch. */
  readonly validators: Weights;
  /** P-36, the newest first; all zeros where there is none. */
  readonly changes: readonly ParameterChange[];
  /** Zeros: only lamports are staked. */
  readonly tokenMint: Address;
  /** Lamports of weight for each base unit of the token, times 2^32. */
  readonly tokenRate: bigint;
  readonly pausedUntilEpoch: bigint;
  readonly pausableFromEpoch: bigint;
  readonly slashEpoch: bigint;
  readonly slashedWeight: bigint;
}

/** docs/protocol.md, Vault. */
export interface VaultAccount {
  readonly bump: number;
  readonly received: bigint;
  readonly paid: bigint;
  /** Lamports that final epochs set aside for votes, in all, and those of them that were paid. */
  readonly rewards: bigint;
  readonly rewardsPaid: bigint;
  readonly treasuryPaid: bigint;
  readonly windowEpoch: bigint;
  readonly windowPaid: bigint;
  /** What final epochs settled, in all: a part of `received`. */
  readonly settled: bigint;
}

/** What a stake is counted in. */
export const ASSET = { lamports: 0, tokens: 1 } as const;

export const ROLE = { worker: 1, validator: 2, gateway: 3 } as const;

/** docs/protocol.md, Participant. */
export interface ParticipantAccount {
  /** Where the account lies: what every record names. */
  readonly address: Address;
  readonly role: number;
  readonly bump: number;
  readonly version: number;
  readonly index: number;
  readonly owner: Address;
  readonly identity: Address;
  readonly previousIdentity: Address;
  readonly identityFromEpoch: bigint;
  readonly initialIdentity: Address;
  /** Units of lamports that the owner staked itself; a part of `units`. */
  readonly ownUnits: bigint;
  readonly activeFromEpoch: bigint;
  readonly roleOrdinal: number;
  readonly modelCount: number;
  readonly hasSecp256k1: number;
  /** Proven offences that wait for their slash. */
  readonly openCases: number;
  readonly karma: KarmaVector;
  readonly karmaSlot: bigint;
  readonly lifetime: KarmaVector;
  readonly lifetimePaid: bigint;
  readonly weightKarma: readonly [bigint, bigint];
  readonly weightFromEpoch: bigint;
  readonly engineClass: Uint8Array;
  /** The `modelCount` models of a worker; the account's unused places are left out. */
  readonly models: readonly Uint8Array[];
  readonly secp256k1Address: Uint8Array;
  /** Requests at once: the second from `capacityFromEpoch` on, the first before. */
  readonly capacity: readonly [number, number];
  readonly capacityFromEpoch: bigint;
  /** What a unit is worth, 2^60 being all of it (P-29). */
  readonly slashIndex: bigint;
  /** Units that count, of lamports and of tokens. */
  readonly units: readonly [bigint, bigint];
  readonly unbondingUnits: readonly [bigint, bigint];
  /** Lamports per unit, with 64 bits behind the point: low, high. */
  readonly rewardPerUnit: readonly [bigint, bigint];
  readonly rewardLamports: bigint;
  readonly commissionLamports: bigint;
  /** In 1/10,000: the second from `commissionFromEpoch` on, the first before. */
  readonly commissionBps: readonly [number, number];
  readonly commissionFromEpoch: bigint;
  /** P-28: 0 while the participant may not act. */
  readonly weights: Weights;
}

/** docs/protocol.md, Stake. */
export interface StakeAccount {
  readonly address: Address;
  readonly participant: Address;
  readonly staker: Address;
  /** `ASSET`. */
  readonly asset: number;
  readonly bump: number;
  readonly units: bigint;
  readonly rewardPerUnit: readonly [bigint, bigint];
  readonly rewardLamports: bigint;
  readonly unbondingUnits: bigint;
  readonly releasedUnits: bigint;
  readonly unbondingFromSlot: bigint;
}

/** docs/protocol.md, GatewayChain. */
export interface GatewayChainAccount {
  readonly address: Address;
  readonly gateway: Address;
  readonly epoch: bigint;
  readonly commitment: Uint8Array;
  readonly length: number;
  readonly bump: number;
  readonly committedSlot: bigint;
}

/** docs/protocol.md, Escrow. */
export interface EscrowAccount {
  readonly address: Address;
  readonly gateway: Address;
  readonly buyer: Address;
  readonly cumulativeDebit: bigint;
  readonly withdrawAmount: bigint;
  /** `NONE`: no request. */
  readonly withdrawAfterEpoch: bigint;
  /** `NONE`: never settled. */
  readonly lastSettledEpoch: bigint;
  readonly bump: number;
  /** M-07: up to which cumulative debit the buyer has signed; `NONE` is a standing authorisation. */
  readonly authorised: bigint;
  /** Lamports above rent. */
  readonly balance: bigint;
}

export const EPOCH_STATE = { closed: 1, attested: 2, beacon: 3, verdicts: 4, reported: 5, finalised: 6 } as const;

/** docs/protocol.md, Epoch. */
export interface EpochAccount {
  readonly address: Address;
  readonly epoch: bigint;
  readonly state: number;
  readonly bump: number;
  readonly totalStake: bigint;
  readonly validatorCount: number;
  readonly entryCount: number;
  readonly manifestHash: Uint8Array;
  readonly receiptSetRoot: Uint8Array;
  readonly candidatesRoot: Uint8Array;
  readonly slotHashesRoot: Uint8Array;
  readonly escrowsRoot: Uint8Array;
  readonly closeSlot: bigint;
  readonly proposer: Address;
  readonly attestedStake: bigint;
  readonly attestedSlot: bigint;
  readonly saltAccumulator: Uint8Array;
  readonly saltCount: number;
  readonly verdictAttempt: number;
  readonly beaconTargetSlot: bigint;
  readonly beaconSlot: bigint;
  readonly beacon: Uint8Array;
  readonly verdictsRoot: Uint8Array;
  readonly verdictCount: number;
  readonly candidateCount: number;
  readonly verdictsSlot: bigint;
  readonly verdictsProposer: Address;
  readonly sealedStake: bigint;
  readonly candidates: readonly {
    readonly reportHash: Uint8Array;
    readonly stake: bigint;
    readonly paidStake: bigint;
  }[];
  readonly reportHash: Uint8Array;
  readonly root: Uint8Array;
  readonly totals: LifetimeTotals;
  readonly participantCount: number;
  readonly escrowCount: number;
  readonly settlementsRoot: Uint8Array;
  readonly settlementsTotal: bigint;
  readonly carriedRoot: Uint8Array;
  readonly priorRoot: Uint8Array;
  readonly quorumSlot: bigint;
  readonly settledLamports: bigint;
  readonly settledCount: number;
  readonly carriedCount: number;
  readonly finalisedSlot: bigint;
  readonly claimsRoot: Uint8Array;
  readonly saltStake: bigint;
  /** Lamports for the votes that brought the epoch about, and the points that they are shared by (P-32). */
  readonly voteReward: bigint;
  readonly votePoints: bigint;
  readonly payer: Address;
  readonly faults: number;
  /** Votes that were not closed. */
  readonly openVotes: number;
  /** In which the newest fault was proven. */
  readonly faultSlot: bigint;
  /** Of `voteReward`, what votes that were closed took. */
  readonly votesPaid: bigint;
  /** Neither a vote nor this account is closed before: a challenge waits for its answer, or for accusations. */
  readonly heldUntilSlot: bigint;
  /** Challenges that were neither answered nor closed. */
  readonly openChallenges: number;
  /** In which the seals of the newest attempt passed two thirds. */
  readonly sealsSlot: bigint;
}

export const VOTE_FLAG = { attested: 1, saltRevealed: 2, sealed: 4, revealed: 8, accused: 16, late: 32 } as const;

/** docs/protocol.md, Vote. */
export interface VoteAccount {
  readonly address: Address;
  readonly validator: Address;
  readonly epoch: bigint;
  readonly stake: bigint;
  readonly flags: number;
  readonly bump: number;
  readonly sealAttempt: number;
  readonly saltHash: Uint8Array;
  readonly seal: Uint8Array;
  readonly reportHash: Uint8Array;
  readonly payer: Address;
}

/** docs/protocol.md, ModelKeys. */
export interface ModelKeysAccount {
  readonly address: Address;
  readonly modelId: Uint8Array;
  readonly keysRoot: Uint8Array;
  readonly keyCount: number;
  readonly attestationCount: number;
  readonly attestedStake: bigint;
  /** Of all validators, in the epoch of the newest attestation. */
  readonly totalStake: bigint;
  /** `NONE` until they are admitted. */
  readonly admittedEpoch: bigint;
  readonly bump: number;
  /** The epoch whose attestations count together, until it is admitted. */
  readonly countedEpoch: bigint;
}

/** docs/protocol.md, KeyAttestation. */
export interface KeyAttestationAccount {
  readonly address: Address;
  readonly modelKeys: Address;
  readonly validator: Address;
  readonly payer: Address;
  readonly stake: bigint;
  readonly epoch: bigint;
  readonly bump: number;
}

/** docs/protocol.md, Layer. */
export interface LayerAccount {
  readonly address: Address;
  readonly modelKeys: Address;
  readonly operator: number;
  /** Which signal, from 0, is the context. */
  readonly contextIndex: number;
  readonly signalCount: number;
  readonly bump: number;
  readonly keyId: Uint8Array;
  /** The verifying key, 512 bytes and 64 for each signal; the account's unused places are left out. */
  readonly key: Uint8Array;
}

/** docs/protocol.md, Proven. */
export interface ProvenAccount {
  readonly address: Address;
  readonly modelKeys: Address;
  readonly entryHash: Uint8Array;
  readonly payer: Address;
  readonly epoch: bigint;
  /** In which the newest statement was recorded. */
  readonly recordedEpoch: bigint;
  readonly position: number;
  readonly provenCount: number;
  readonly bump: number;
  /** By operator, in the order of Z-40: `statementHash`, or undefined while nothing was proven of it. */
  readonly statements: readonly (Uint8Array | undefined)[];
}

export const PROPOSAL_KIND = { parameter: 1, pause: 2, payment: 3 } as const;

/** docs/protocol.md, Proposal. */
export interface ProposalAccount {
  readonly address: Address;
  readonly proposer: Address;
  readonly payer: Address;
  /** Zeros unless it is a payment. */
  readonly recipient: Address;
  readonly nonce: bigint;
  readonly value: bigint;
  /** Whose weights count. */
  readonly epoch: bigint;
  readonly totalStake: bigint;
  readonly yesStake: bigint;
  /** `NONE` until it has passed. */
  readonly passedEpoch: bigint;
  readonly executableFromEpoch: bigint;
  readonly index: number;
  /** `PROPOSAL_KIND`. */
  readonly kind: number;
  readonly executed: number;
  readonly bump: number;
}

/** docs/protocol.md, Ballot. */
export interface BallotAccount {
  readonly address: Address;
  readonly proposal: Address;
  readonly validator: Address;
  readonly payer: Address;
  readonly stake: bigint;
  /** The proposal's. */
  readonly epoch: bigint;
  readonly bump: number;
}

/** docs/protocol.md, Buffer. */
export interface BufferAccount {
  readonly address: Address;
  readonly owner: Address;
  readonly nonce: bigint;
  readonly bump: number;
  readonly content: Uint8Array;
}

/** docs/protocol.md, Finding. */
export interface FindingAccount {
  readonly address: Address;
  readonly finder: Address;
  readonly commitment: Uint8Array;
  readonly slot: bigint;
  readonly bump: number;
}

/** docs/protocol.md, Case. */
export interface CaseAccount {
  readonly address: Address;
  readonly offender: Address;
  readonly offenceKey: Uint8Array;
  readonly finder: Address;
  /** The escrow of the buyer that was harmed, or zeros. */
  readonly harmed: Address;
  readonly filedEpoch: bigint;
  /** What the stake is still to be multiplied by; 2^60 when nothing is left to take. */
  readonly left: bigint;
  readonly slashedLamports: bigint;
  readonly bps: number;
  /** `OFFENCE` of the protocol. */
  readonly kind: number;
  readonly executed: number;
  readonly bump: number;
}

/** What a report is shown to be false by. */
export const FAULT = { sum: 1, lifetime: 2, claims: 3, signature: 4 } as const;

/** docs/protocol.md, Fault. */
export interface FaultAccount {
  readonly address: Address;
  readonly epoch: bigint;
  readonly finder: Address;
  readonly reportHash: Uint8Array;
  readonly slot: bigint;
  /** `FAULT`. */
  readonly kind: number;
  readonly bump: number;
}

/** docs/protocol.md, Challenge. */
export interface ChallengeAccount {
  readonly address: Address;
  readonly epoch: bigint;
  readonly reportHash: Uint8Array;
  readonly challenger: Address;
  /** Lamports beside the rent; 0 once it was answered. */
  readonly bond: bigint;
  /** The first slot in which it can no longer be answered. */
  readonly untilSlot: bigint;
  /** From which on an unanswered one may be ended. */
  readonly closableSlot: bigint;
  /** Registration index of the place that is asked for. */
  readonly index: number;
  readonly answered: number;
  readonly bump: number;
}

/** Sizes of the accounts in bytes, by which an RPC node finds them. */
export const ACCOUNT_SIZE = {
  config: 1152,
  vault: 112,
  participant: 832,
  gatewayChain: 96,
  escrow: 160,
  epoch: 1024,
  vote: 192,
  modelKeys: 144,
  keyAttestation: 128,
  layer: 1104,
  stake: 184,
  proposal: 216,
  ballot: 152,
  finding: 88,
  case: 176,
  fault: 104,
  challenge: 120,
} as const;

/** Where accounts name whose they are: a vote and a ballot their validator, an epoch who paid its rent. */
export const OWNER_OFFSET = { vote: 8, ballot: 40, epoch: 936 } as const;

/** Bytes of a record of what was proven under so many keys. No other account has such a size. */
export function provenSize(keyCount: number): number {
  return 136 + 32 * keyCount;
}

/** Bytes of a buffer for so much content, which is 4 more than a multiple of 8. No other account has such a size. */
export function bufferSize(content: number): number {
  return 56 + content;
}

/** Where a `Proven` account has its entry's hash. */
export const PROVEN_ENTRY_OFFSET = 40;

/** An account as an RPC node gives it. */
export interface RawAccount {
  readonly address: Address;
  readonly lamports: bigint;
  readonly data: Uint8Array;
}

/** The fields of docs/protocol.md alone: what pads and what is reserved carries nothing. */
function fields(name: string, data: Uint8Array): Record<string, unknown> {
  const decoded = Object.entries(decodeAccountFields(name, data));
  return Object.fromEntries(decoded.filter(([key]) => key !== 'reserved' && !key.startsWith('padding')));
}

// The casts below are checked by test/program/idl.test.ts, which compares the interfaces' layouts with docs/protocol.md.

/** Throws `CODEC` if the account is of another type, as all decoders here. */
export function decodeConfig(account: Pick<RawAccount, 'data'>): ConfigAccount {
  return fields('Config', account.data) as unknown as ConfigAccount;
}

export function decodeVault(account: Pick<RawAccount, 'data'>): VaultAccount {
  return fields('Vault', account.data) as unknown as VaultAccount;
}

export function decodeParticipant(account: Pick<RawAccount, 'address' | 'data'>): ParticipantAccount {
  const decoded = fields('Participant', account.data) as unknown as Omit<ParticipantAccount, 'address'>;
  return { address: account.address, ...decoded, models: decoded.models.slice(0, decoded.modelCount) };
}

export function decodeStake(account: Pick<RawAccount, 'address' | 'data'>): StakeAccount {
  return { address: account.address, ...(fields('Stake', account.data) as unknown as Omit<StakeAccount, 'address'>) };
}

export function decodeBuffer(account: Pick<RawAccount, 'address' | 'data'>): BufferAccount {
  const decoded = fields('Buffer', account.data) as unknown as Omit<BufferAccount, 'address' | 'content'> & {
    readonly content: readonly number[];
  };
  return { address: account.address, ...decoded, content: Uint8Array.from(decoded.content) };
}

export function decodeFinding(account: Pick<RawAccount, 'address' | 'data'>): FindingAccount {
  const decoded = fields('Finding', account.data) as unknown as Omit<FindingAccount, 'address'>;
  return { address: account.address, ...decoded };
}

export function decodeCase(account: Pick<RawAccount, 'address' | 'data'>): CaseAccount {
  return { address: account.address, ...(fields('Case', account.data) as unknown as Omit<CaseAccount, 'address'>) };
}

export function decodeFault(account: Pick<RawAccount, 'address' | 'data'>): FaultAccount {
  return { address: account.address, ...(fields('Fault', account.data) as unknown as Omit<FaultAccount, 'address'>) };
}

export function decodeChallenge(account: Pick<RawAccount, 'address' | 'data'>): ChallengeAccount {
  const decoded = fields('Challenge', account.data) as unknown as Omit<ChallengeAccount, 'address'>;
  return { address: account.address, ...decoded };
}

export function decodeGatewayChain(account: Pick<RawAccount, 'address' | 'data'>): GatewayChainAccount {
  return {
    address: account.address,
    ...(fields('GatewayChain', account.data) as unknown as Omit<GatewayChainAccount, 'address'>),
  };
}

/** `rentLamports` is the cluster's minimum for 160 bytes: what lies above it is the balance. */
export function decodeEscrow(account: RawAccount, rentLamports: bigint): EscrowAccount {
  const balance = account.lamports > rentLamports ? account.lamports - rentLamports : 0n;
  const decoded = fields('Escrow', account.data) as unknown as Omit<EscrowAccount, 'address' | 'balance'>;
  return { address: account.address, ...decoded, balance };
}

export function decodeEpoch(account: Pick<RawAccount, 'address' | 'data'>): EpochAccount {
  return { address: account.address, ...(fields('Epoch', account.data) as unknown as Omit<EpochAccount, 'address'>) };
}

export function decodeVote(account: Pick<RawAccount, 'address' | 'data'>): VoteAccount {
  return { address: account.address, ...(fields('Vote', account.data) as unknown as Omit<VoteAccount, 'address'>) };
}

export function decodeModelKeys(account: Pick<RawAccount, 'address' | 'data'>): ModelKeysAccount {
  const decoded = fields('ModelKeys', account.data) as unknown as Omit<ModelKeysAccount, 'address'>;
  return { address: account.address, ...decoded };
}

export function decodeKeyAttestation(account: Pick<RawAccount, 'address' | 'data'>): KeyAttestationAccount {
  const decoded = fields('KeyAttestation', account.data) as unknown as Omit<KeyAttestationAccount, 'address'>;
  return { address: account.address, ...decoded };
}

export function decodeLayer(account: Pick<RawAccount, 'address' | 'data'>): LayerAccount {
  const decoded = fields('Layer', account.data) as unknown as Omit<LayerAccount, 'address'>;
  return { address: account.address, ...decoded, key: decoded.key.subarray(0, 512 + 64 * decoded.signalCount) };
}

export function decodeProven(account: Pick<RawAccount, 'address' | 'data'>): ProvenAccount {
  const decoded = fields('Proven', account.data) as unknown as Omit<ProvenAccount, 'address' | 'statements'> & {
    readonly statements: readonly Uint8Array[];
  };
  const statements = decoded.statements.map((statement) =>
    statement.some((byte) => byte !== 0) ? statement : undefined,
  );
  return { address: account.address, ...decoded, statements };
}

export function decodeProposal(account: Pick<RawAccount, 'address' | 'data'>): ProposalAccount {
  const decoded = fields('Proposal', account.data) as unknown as Omit<ProposalAccount, 'address'>;
  return { address: account.address, ...decoded };
}

export function decodeBallot(account: Pick<RawAccount, 'address' | 'data'>): BallotAccount {
  const decoded = fields('Ballot', account.data) as unknown as Omit<BallotAccount, 'address'>;
  return { address: account.address, ...decoded };
}
