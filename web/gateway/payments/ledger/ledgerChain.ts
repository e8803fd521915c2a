import { NONE, type ProgramClient } from '@karmesh/sdk/program';
import type { Connection } from '@solana/web3.js';
import { finalHistory } from '../../deposits/watchDeposits.ts';
import type { LedgerChain } from './compareWithChain.ts';

/** The cluster itself. Its methods throw `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`. */
export function ledgerChain(
  client: Pick<ProgramClient, 'escrow' | 'config'>,
  connection: Connection,
  options: { readonly signal: AbortSignal },
): LedgerChain {
  return {
    history: finalHistory(connection, options),
    cumulativeDebit: async (escrow) => (await client.escrow(escrow, options))?.cumulativeDebit,
    async lastFinalisedEpoch() {
      const last = (await client.config(options))?.lastFinalisedEpoch;
      return last === NONE ? undefined : last;
    },
  };
}
