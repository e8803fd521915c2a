/** What a validator does with an epoch, in order. `ledger` is reading its own report back once that is final. */
export type PhaseName = 'ingest' | 'close' | 'attest' | 'draw' | 'verdicts' | 'tally' | 'ledger';

/** What `measure.ts` prints. CPU seconds are those of all threads of the process. */
export interface Measured {
  readonly entries: number;
  readonly receipts: number;
  /** Calls of the verifier: tickets, dispatches, outcomes, seals, receipts, time-outs, batch headers, verdicts. */
  readonly signatures: number;
  readonly audits: number;
  readonly owedParticipants: number;
  readonly phases: readonly {
    readonly name: PhaseName;
    readonly cpuSeconds: number;
    readonly wallSeconds: number;
    /** For how long the event loop did not turn, at most. */
    readonly longestTurnMs: number;
    /** Of the process, up to the phase's end. */
    readonly peakBytes: number;
  }[];
  /** The same verifier alone, in the same run. */
  readonly bare: { readonly signatures: number; readonly cpuSeconds: number };
  readonly peakBytes: number;
  readonly storeBytes: number;
  readonly openSeconds: number;
}
