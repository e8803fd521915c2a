import { setTimeout as pause } from 'node:timers/promises';
import { type Localnet, startLocalnet } from '@karmesh/localnet';
import { PROGRAM_ID, toBase58, toPublicKey } from '@karmesh/sdk/program';
import { Connection } from '@solana/web3.js';
import { type ConnectedLedger, connectedLedger } from '../program/ledger/connectedLedger.ts';
import { PROGRAM_FILE } from '../program/ledger/programFile.ts';

const SLOTS_AT_ONCE = 32;

/** A cluster behind JSON-RPC whose slots pass only where a test lets them. */
export type TickedLedger = ConnectedLedger & Pick<Localnet, 'rpcUrl'>;

/** Starts one in this process, with the program there from its first slot. */
export async function tickedLedger({ signal }: { readonly signal: AbortSignal }): Promise<TickedLedger> {
  const localnet = await startLocalnet({
    slotMs: 'manual',
    programs: [{ id: toBase58(PROGRAM_ID), path: PROGRAM_FILE }],
  });
  const { rpcUrl } = localnet;
  const connection = new Connection(rpcUrl, 'confirmed');
  const ledger = await connectedLedger({
    ...{ kind: 'localnet', connection, programId: PROGRAM_ID, pollMs: 5, signal },
    async fund(address, lamports) {
      await connection.requestAirdrop(toPublicKey(address), Number(lamports));
    },
  });
  return {
    ...ledger,
    rpcUrl,
    async untilSlot(slot) {
      let now = await ledger.slot();
      while (now < slot) {
        now = BigInt(await localnet.tick(Math.min(Number(slot - now), SLOTS_AT_ONCE)));
        // Connections that wait are looked after in between.
        await pause(1);
      }
    },
    [Symbol.asyncDispose]: () => localnet[Symbol.asyncDispose](),
  };
}
