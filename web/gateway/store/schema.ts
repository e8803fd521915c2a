import type { Generated, GeneratedAlways } from 'kysely';
import type { LogSchema } from '../log/logSchema.ts';

/**
 * The gateway's tables; `gateway` columns hold the participant address of whose rows they are. Times are Unix milliseconds, money is lamports, `record`, `entry` and `header` columns hold the canonical
 * bytes of docs/protocol.md: the database orders and finds records, it never interprets them.
 */
export interface Schema extends LogSchema {
  readonly gateways: GatewayTable;
  readonly accounts: AccountTable;
  readonly api_keys: ApiKeyTable;
  readonly key_secrets: KeySecretTable;
  readonly tickets: TicketTable;
  readonly chains: ChainTable;
  readonly candidate_groups: CandidateGroupTable;
  readonly dispatches: DispatchTable;
  readonly entries: EntryTable;
  readonly requests: RequestTable;
  readonly batches: BatchTable;
  readonly movements: MovementTable;
  readonly postings: PostingTable;
  readonly balances: BalanceTable;
  readonly allowances: AllowanceTable;
  readonly charges: ChargeTable;
  readonly idempotency: IdempotencyTable;
  readonly jobs: JobTable;
  readonly deposit_offers: DepositOfferTable;
  readonly deposits: DepositTable;
  readonly deposit_cursors: DepositCursorTable;
  readonly x402_payments: X402PaymentTable;
  readonly challenge_secret: ChallengeSecretTable;
  readonly used_challenges: UsedChallengeTable;
  readonly sessions: SessionTable;
  readonly paying_escrows: PayingEscrowTable;
  readonly vouchers: VoucherTable;
}

/**
 * The gateways that share this database, all of one cluster. `fence` rises with every process of a gateway: rows with numbers are taken
 * from the newest alone (`own_gateway`).
 */
export interface GatewayTable {
  readonly participant: Uint8Array;
  readonly domain: Uint8Array;
  readonly fence: bigint;
}

/** Who pays. `credit_limit_lamports` is how far below zero its credit may go; `wallet` is the Solana address that stands for it. */
export interface AccountTable {
  readonly id: GeneratedAlways<bigint>;
  readonly name: string;
  readonly wallet: Uint8Array | null;
  readonly credit_limit_lamports: bigint;
  readonly created_at_ms: bigint;
}

/**
 * A key with its caps (null for none) and what was spent of them; `spent_day` is the UTC day, counted from 1970, that
 * `spent_day_lamports` is of. `key_hash` names the key for good: it is the hash of its first secret. `id` names it to its owner, and is random.
 */
export interface ApiKeyTable {
  readonly id: GeneratedAlways<string>;
  readonly key_hash: Uint8Array;
  readonly account_id: bigint;
  readonly name: string;
  readonly cap_day_lamports: bigint | null;
  readonly cap_total_lamports: bigint | null;
  readonly spent_total_lamports: Generated<bigint>;
  readonly spent_day: Generated<bigint>;
  readonly spent_day_lamports: Generated<bigint>;
  readonly created_at_ms: bigint;
  readonly rotated_at_ms: bigint | null;
  readonly revoked_at_ms: bigint | null;
}

/**
 * What the owner of a key presents. Secrets are 256 random bits, so a plain SHA-256 of one cannot be searched and needs no slow hash.
 * One that was replaced is valid until `ends_at_ms`.
 */
export interface KeySecretTable {
  readonly secret_hash: Uint8Array;
  readonly key_hash: Uint8Array;
  readonly created_at_ms: bigint;
  readonly ends_at_ms: bigint | null;
}

/** F-20: numbers rise from 1, with gaps where a request never came to its dispatch, with which its ticket is stored. */
export interface TicketTable {
  readonly gateway: Uint8Array;
  readonly number: bigint;
  readonly request_id: Uint8Array;
  readonly record: Uint8Array;
  readonly key_hash: Uint8Array;
}

/** the secret end of each epoch's hash chain, stored before its commitment is sent to the chain. */
export interface ChainTable {
  readonly gateway: Uint8Array;
  readonly epoch: bigint;
  readonly secret: Uint8Array;
  readonly length: number;
}

/** who could be drawn, once per epoch, class and model. */
export interface CandidateGroupTable {
  readonly gateway: Uint8Array;
  readonly epoch: bigint;
  readonly engine_class: Uint8Array;
  readonly model_id: Uint8Array;
  readonly body: Uint8Array;
}

/** F-21: `drawn` holds the candidates of the draw, so that a dispatch cut short by a crash still gets its entry. */
export interface DispatchTable {
  readonly gateway: Uint8Array;
  readonly epoch: bigint;
  readonly number: bigint;
  readonly ticket_number: bigint;
  readonly slot_hash: Uint8Array;
  readonly record: Uint8Array;
  readonly drawn: Uint8Array;
}

/** E-01. `batch_sequence` is null until the entry is published. */
export interface EntryTable {
  readonly gateway: Uint8Array;
  readonly epoch: bigint;
  readonly dispatch_number: bigint;
  readonly request_id: Uint8Array;
  readonly escrow: Uint8Array;
  readonly price: bigint;
  readonly entry: Uint8Array;
  readonly batch_sequence: bigint | null;
}

/**
 * What a bundle needs besides signed records: the canonical request (F-10) and the answer's tokens. They are the only place where
 * prompt and answer lie, for the buyer who fetches the bundle, and are deleted at `expires_at_ms`.
 */
export interface RequestTable {
  readonly request_id: Uint8Array;
  readonly canonical: Uint8Array;
  readonly tokens: Uint8Array;
  readonly expires_at_ms: bigint;
}

/** F-30. `published_at_ms` is null until the header has gone out at least once. */
export interface BatchTable {
  readonly gateway: Uint8Array;
  readonly sequence: bigint;
  readonly epoch: bigint;
  readonly body_hash: Uint8Array;
  readonly header: Uint8Array;
  readonly published_at_ms: bigint | null;
}

/** A movement of money, once for each `reference` of its `kind`. Rows of this table and the next are never changed. */
export interface MovementTable {
  readonly id: GeneratedAlways<bigint>;
  readonly kind: string;
  readonly reference: string;
  readonly at_ms: bigint;
}

/** What a movement adds to an account of the ledger. The postings of one sum to zero. */
export interface PostingTable {
  readonly movement_id: bigint;
  readonly account: string;
  readonly lamports: bigint;
}

/** The sums of the postings, kept in their transaction. */
export interface BalanceTable {
  readonly account: string;
  readonly lamports: bigint;
}

/** Lamports that a gateway may spend of a key without asking. */
export interface AllowanceTable {
  readonly gateway: Uint8Array;
  readonly key_hash: Uint8Array;
  readonly lamports: bigint;
}

/** What a request's buyer owes: while it is open up to what was delivered, with the usage record that says so; then for good. */
export interface ChargeTable {
  readonly request_id: Uint8Array;
  readonly gateway: Uint8Array;
  readonly account_id: bigint;
  readonly key_hash: Uint8Array;
  readonly unit_price: bigint;
  readonly prompt_tokens: bigint;
  readonly output_tokens: bigint;
  readonly chain_hash: Uint8Array;
  readonly usage_record: Uint8Array;
  readonly lamports: bigint;
  readonly settled_lamports: bigint | null;
  readonly state: 'open' | 'closed';
  readonly updated_at_ms: bigint;
}

/** A request that its sender may repeat under its own `key`. `response` is JSON, and null while the request runs. */
export interface IdempotencyTable {
  readonly key_hash: Uint8Array;
  readonly key: string;
  readonly body_hash: Uint8Array;
  readonly gateway: Uint8Array;
  readonly fence: bigint;
  readonly run: Uint8Array;
  readonly request_id: Uint8Array | null;
  readonly response: string | null;
  readonly expires_at_ms: bigint;
}

/** A deposit that a buyer has announced; a payment names it by `reference`. `rate` is lamports for 10^9 base units. */
export interface DepositOfferTable {
  readonly reference: Uint8Array;
  readonly account_id: bigint;
  readonly gateway: Uint8Array;
  readonly asset: 'sol' | 'token';
  readonly rate: bigint;
  readonly expires_at_ms: bigint;
  readonly created_at_ms: bigint;
}

/** What a final transaction brought to a gateway. `amount` is lamports or base units, as text since tokens count to 2^64. */
export interface DepositTable {
  readonly signature: string;
  readonly asset: 'sol' | 'token';
  readonly amount: string;
  readonly lamports: bigint;
  readonly account_id: bigint | null;
  readonly gateway: Uint8Array;
  readonly at_ms: bigint;
  /** Where it came; null for those of before this was kept. */
  readonly address: Uint8Array | null;
}

/**
 * Up to where the history of an address was read: a signature, or nothing yet; and after which it was begun, which is empty too where the address had no
 * history. `asset` is what it holds, null until it is looked at again.
 */
export interface DepositCursorTable {
  readonly address: Uint8Array;
  readonly signature: string;
  readonly asset: 'sol' | 'token' | null;
  readonly first_signature: string;
}

/** Work to do once. A job that is being done has its next attempt in `run_at_ms`, should its process die. */
export interface JobTable {
  readonly id: GeneratedAlways<bigint>;
  readonly name: string;
  readonly reference: string;
  readonly payload: Uint8Array;
  readonly run_at_ms: bigint;
  readonly attempts: number;
  readonly last_error: string | null;
}

/** A payment of x402, by the SHA-256 of its transaction's message; `signature` is base58, `is_used` says that a request has it. */
export interface X402PaymentTable {
  readonly message_hash: Uint8Array;
  readonly gateway: Uint8Array;
  readonly signature: string;
  readonly wallet: Uint8Array;
  readonly base_units: bigint;
  readonly lamports: bigint;
  readonly blockhash: string;
  readonly state: 'settling' | 'credited' | 'failed';
  readonly is_used: boolean;
  readonly created_at_ms: bigint;
}

/** One row: what the gateways of this database sign the nonces of their challenges with. */
export interface ChallengeSecretTable {
  readonly id: number;
  readonly secret: Uint8Array;
}

/** A challenge that has opened a session, kept for as long as it would open another. */
export interface UsedChallengeTable {
  readonly nonce: Uint8Array;
  readonly account_id: bigint;
  readonly expires_at_ms: bigint;
}

/** A wallet that is logged in, by the SHA-256 of the token that it has (256 random bits). */
export interface SessionTable {
  readonly token_hash: Uint8Array;
  readonly account_id: bigint;
  readonly created_at_ms: bigint;
  readonly expires_at_ms: bigint;
}

/** An escrow that pays for its buyer's requests, with the account and the key, without a secret, under which these stand. */
export interface PayingEscrowTable {
  readonly escrow: Uint8Array;
  readonly account_id: bigint;
  readonly key_hash: Uint8Array;
}

/** F-32: the greatest voucher of an escrow; `record` is the signed record. */
export interface VoucherTable {
  readonly gateway: Uint8Array;
  readonly escrow: Uint8Array;
  readonly cumulative: bigint;
  readonly record: Uint8Array;
  readonly stored_at_ms: bigint;
}
