/**
 * The gateway's tables. Times are Unix milliseconds, money is lamports, `record`, `entry` and `header` columns hold the canonical
 * bytes of docs/protocol.md: the database orders and finds records, it never interprets them.
 */
export interface Schema {
  readonly gateway: GatewayTable;
  readonly api_keys: ApiKeyTable;
  readonly tickets: TicketTable;
  readonly chains: ChainTable;
  readonly candidate_groups: CandidateGroupTable;
  readonly dispatches: DispatchTable;
  readonly entries: EntryTable;
  readonly requests: RequestTable;
  readonly batches: BatchTable;
}

/** One row: whose numbers these are. A database made for one gateway or cluster is refused by another. */
export interface GatewayTable {
  readonly one: boolean;
  readonly domain: Uint8Array;
  readonly participant: Uint8Array;
}

/** Keys are 256 random bits, so a plain SHA-256 of one cannot be searched and needs no slow hash. */
export interface ApiKeyTable {
  readonly key_hash: Uint8Array;
  readonly name: string;
  readonly created_at_ms: bigint;
  readonly revoked_at_ms: bigint | null;
}

/** F-20: numbers rise from 1, with gaps where a request never came to its dispatch, with which its ticket is stored. */
export interface TicketTable {
  readonly number: bigint;
  readonly request_id: Uint8Array;
  readonly record: Uint8Array;
  readonly key_hash: Uint8Array;
}

/** the secret end of each epoch's hash chain, stored before its commitment is sent to the chain. */
export interface ChainTable {
  readonly epoch: bigint;
  readonly secret: Uint8Array;
  readonly length: number;
}

/** who could be drawn, once per epoch, class and model. */
export interface CandidateGroupTable {
  readonly epoch: bigint;
  readonly engine_class: Uint8Array;
  readonly model_id: Uint8Array;
  readonly body: Uint8Array;
}

/** F-21: `drawn` holds the candidates of the draw, so that a dispatch cut short by a crash still gets its entry. */
export interface DispatchTable {
  readonly epoch: bigint;
  readonly number: bigint;
  readonly ticket_number: bigint;
  readonly slot_hash: Uint8Array;
  readonly record: Uint8Array;
  readonly drawn: Uint8Array;
}

/** E-01. `batch_sequence` is null until the entry is published. */
export interface EntryTable {
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
  readonly sequence: bigint;
  readonly epoch: bigint;
  readonly body_hash: Uint8Array;
  readonly header: Uint8Array;
  readonly published_at_ms: bigint | null;
}
