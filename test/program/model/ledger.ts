/** An address or hash as 64 hexadecimal digits, so that it can be a key of a map. */
export type Key = string;

/** "None" in a u64 of the program's. */
export const NONE = (1n << 64n) - 1n;
export const ZERO: Key = '0'.repeat(64);

/** The newest change first (P-27). */
export interface Point {
  fromEpoch: bigint;
  weight: bigint;
}

export interface Config {
  readonly kind: 'config';
  version: number;
  started: number;
  domain: Key;
  genesis: Key;
  initialiser: Key;
  epochZeroSlot: bigint;
  participantCount: number;
  workerCount: number;
  gatewayCount: number;
  validatorCount: number;
  lastFinalisedEpoch: bigint;
  lastRoot: Key;
  lastTotals: bigint[];
  offchainParametersHash: Key;
  parameters: bigint[];
  stake: Point[];
  validators: Point[];
  changes: { index: bigint; fromEpoch: bigint; before: bigint }[];
  pausedUntilEpoch: bigint;
  pausableFromEpoch: bigint;
  slashEpoch: bigint;
  slashedWeight: bigint;
}

export interface Vault {
  readonly kind: 'vault';
  received: bigint;
  paid: bigint;
  rewards: bigint;
  rewardsPaid: bigint;
  treasuryPaid: bigint;
  windowEpoch: bigint;
  windowPaid: bigint;
  settled: bigint;
}

export interface Participant {
  readonly kind: 'participant';
  role: number;
  /** The cluster's, when it registered. */
  version: number;
  index: number;
  owner: Key;
  identity: Key;
  previousIdentity: Key;
  identityFromEpoch: bigint;
  initialIdentity: Key;
  ownUnits: bigint;
  activeFromEpoch: bigint;
  roleOrdinal: number;
  openCases: number;
  karma: bigint[];
  karmaSlot: bigint;
  lifetime: bigint[];
  lifetimePaid: bigint;
  weightKarma: bigint[];
  weightFromEpoch: bigint;
  engineClass: Key;
  models: Key[];
  capacity: number[];
  capacityFromEpoch: bigint;
  slashIndex: bigint;
  units: bigint;
  unbondingUnits: bigint;
  /** Times 2^64. */
  rewardPerUnit: bigint;
  rewardLamports: bigint;
  commissionLamports: bigint;
  commissionBps: number[];
  commissionFromEpoch: bigint;
  weights: Point[];
}

export interface Stake {
  readonly kind: 'stake';
  participant: Key;
  staker: Key;
  units: bigint;
  rewardPerUnit: bigint;
  rewardLamports: bigint;
  unbondingUnits: bigint;
  releasedUnits: bigint;
  unbondingFromSlot: bigint;
}

export interface Escrow {
  readonly kind: 'escrow';
  gateway: Key;
  buyer: Key;
  cumulativeDebit: bigint;
  withdrawAmount: bigint;
  withdrawAfterEpoch: bigint;
  lastSettledEpoch: bigint;
  authorised: bigint;
}

export interface Candidate {
  reportHash: Key;
  stake: bigint;
  paidStake: bigint;
}

export interface Epoch {
  readonly kind: 'epoch';
  epoch: bigint;
  state: number;
  totalStake: bigint;
  validatorCount: number;
  entryCount: number;
  manifestHash: Key;
  receiptSetRoot: Key;
  candidatesRoot: Key;
  slotHashesRoot: Key;
  escrowsRoot: Key;
  closeSlot: bigint;
  proposer: Key;
  attestedStake: bigint;
  attestedSlot: bigint;
  saltAccumulator: Key;
  saltCount: number;
  verdictAttempt: number;
  beaconTargetSlot: bigint;
  beaconSlot: bigint;
  beacon: Key;
  verdictsRoot: Key;
  verdictCount: number;
  verdictsSlot: bigint;
  verdictsProposer: Key;
  sealedStake: bigint;
  sealsSlot: bigint;
  candidates: Candidate[];
  reportHash: Key;
  report: Report;
  quorumSlot: bigint;
  settledLamports: bigint;
  settledCount: number;
  finalisedSlot: bigint;
  saltStake: bigint;
  voteReward: bigint;
  votePoints: bigint;
  votesPaid: bigint;
  payer: Key;
  openVotes: number;
}

/** P-18, in the order of its bytes. */
export interface Report {
  root: Key;
  totals: bigint[];
  participantCount: number;
  settlementsRoot: Key;
  settlementsTotal: bigint;
  escrowCount: number;
  carriedRoot: Key;
  carriedCount: number;
  priorRoot: Key;
  claimsRoot: Key;
}

export interface Vote {
  readonly kind: 'vote';
  validator: Key;
  epoch: bigint;
  stake: bigint;
  attested: boolean;
  saltRevealed: boolean;
  sealed: boolean;
  revealed: boolean;
  late: boolean;
  sealAttempt: number;
  saltHash: Key;
  seal: Key;
  reportHash: Key;
  payer: Key;
}

export interface Proposal {
  readonly kind: 'proposal';
  proposer: Key;
  payer: Key;
  recipient: Key;
  nonce: bigint;
  value: bigint;
  epoch: bigint;
  totalStake: bigint;
  yesStake: bigint;
  passedEpoch: bigint;
  executableFromEpoch: bigint;
  index: number;
  asks: number;
  executed: number;
}

export interface Ballot {
  readonly kind: 'ballot';
  proposal: Key;
  validator: Key;
  payer: Key;
  stake: bigint;
  epoch: bigint;
}

export interface Finding {
  readonly kind: 'finding';
  finder: Key;
  commitment: Key;
  slot: bigint;
}

export interface Case {
  readonly kind: 'case';
  offender: Key;
  offenceKey: Key;
  finder: Key;
  harmed: Key;
  filedEpoch: bigint;
  left: bigint;
  slashedLamports: bigint;
  bps: number;
  offence: number;
  executed: number;
}

export interface Chain {
  readonly kind: 'chain';
  gateway: Key;
  epoch: bigint;
  commitment: Key;
  length: number;
  committedSlot: bigint;
}

export type Data =
  | Config
  | Vault
  | Participant
  | Stake
  | Escrow
  | Epoch
  | Vote
  | Proposal
  | Ballot
  | Finding
  | Case
  | Chain;
export type DataKind = Data['kind'];
export type DataOf<K extends DataKind> = Extract<Data, { kind: K }>;

/** One account: a wallet unless it holds data of the program's. */
export interface Account {
  lamports: bigint;
  data?: Data;
}

/** The whole balance sheet: every account that has lamports, and the slot. */
export interface Ledger {
  slot: bigint;
  readonly accounts: Map<Key, Account>;
}

/** What a transaction asks: accounts in the order of the protocol's table, who signs, and the arguments by name. */
export interface Call {
  readonly name: string;
  readonly accounts: readonly Key[];
  readonly signs: readonly Key[];
  readonly args: Readonly<Record<string, unknown>>;
  /** What the Ed25519 program checked in the instruction before. */
  readonly signed?: { readonly by: Key; readonly messages: readonly Key[] };
}

/** What an accepted instruction does to the ledger. */
export type Effect = () => void;
export type Instruction = (ledger: Ledger, call: Call) => Effect;
