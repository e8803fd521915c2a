/** The tables of the transparency log. Gateways that share a database have a log each, by the address of their account. */
export interface LogSchema {
  readonly log_events: LogEventTable;
  readonly log_nodes: LogNodeTable;
  readonly log_checkpoints: LogCheckpointTable;
}

/** G-10: leaves from 0 on, without a gap. `opened` is the index of the opening before it; number and hash are those of a ticket that enters. */
export interface LogEventTable {
  readonly gateway: Uint8Array;
  readonly index: bigint;
  readonly leaf: Uint8Array;
  readonly opened: bigint;
  readonly ticket_number: bigint | null;
  readonly ticket_hash: Uint8Array | null;
}

/** G-01: the roots of full perfect subtrees of 256 leaves and more; smaller ones are computed from their leaves. */
export interface LogNodeTable {
  readonly gateway: Uint8Array;
  readonly level: number;
  readonly index: bigint;
  readonly hash: Uint8Array;
}

/** G-05: one row a gateway: the newest checkpoint that was signed, with its cosignatures once it has been asked for them. */
export interface LogCheckpointTable {
  readonly gateway: Uint8Array;
  readonly size: bigint;
  readonly note: string;
}
