import { createProgramClient, toPublicKey, transactionSigner } from '@karmesh/sdk/program';
import { generateKeypair } from '@karmesh/sdk/runtime';
import type { Connection } from '@solana/web3.js';
import type { Ledger } from './ledger.ts';

const COMPUTE_UNITS = 200_000;

/** A ledger whose cluster others can speak to. */
export interface ConnectedLedger extends Ledger {
  readonly connection: Connection;
}

/** A cluster that runs already, reached with web3.js alone. Slots pass by themselves. */
export async function connectedLedger(options: {
  readonly kind: Exclude<Ledger['kind'], 'litesvm'>;
  readonly connection: Connection;
  readonly programId: Uint8Array;
  readonly pollMs: number;
  readonly signal: AbortSignal;
  /** Brings lamports to an address. */
  readonly fund: Ledger['fund'];
}): Promise<Omit<ConnectedLedger, typeof Symbol.asyncDispose>> {
  const { kind, connection, programId, pollMs, signal, fund } = options;
  const reader = createProgramClient({ connection, programId, payer: transactionSigner(generateKeypair()) });
  const genesis = await reader.genesisHash({ signal });
  let sent = 0;
  return {
    ...{ kind, connection, programId, genesis, fund },
    async send(instructions, signers) {
      const [payer, ...others] = signers.map(transactionSigner);
      if (payer === undefined) throw new RangeError('A transaction needs a payer.');
      const client = createProgramClient({ connection, programId, payer });
      // Equal transactions of one test must stay distinct, even within one slot.
      const computeUnits = COMPUTE_UNITS + sent++;
      const { signature } = await client.send(instructions, { signers: others, signal, pollMs, computeUnits });
      const ran = await connection.getTransaction(signature, {
        commitment: 'confirmed',
        maxSupportedTransactionVersion: 0,
      });
      return { logs: ran?.meta?.logMessages ?? [], computeUnits: BigInt(ran?.meta?.computeUnitsConsumed ?? 0) };
    },
    async account(address) {
      const info = await connection.getAccountInfo(toPublicKey(address), 'confirmed');
      return info === null ? undefined : { address, lamports: BigInt(info.lamports), data: info.data };
    },
    slot: async () => BigInt(await connection.getSlot('confirmed')),
    untilSlot: (slot) => until(async () => BigInt(await connection.getSlot('confirmed')) >= slot, { pollMs, signal }),
    rent: async (bytes) => BigInt(await connection.getMinimumBalanceForRentExemption(bytes)),
  };
}

/** Asks until it is so. */
export async function until(
  done: () => Promise<boolean>,
  { pollMs, signal }: { readonly pollMs: number; readonly signal: AbortSignal },
): Promise<void> {
  while (!(await done())) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
