import {
  addressFromBase58,
  type ChainSender,
  compileTransaction,
  type PlainInstruction,
  toBase58,
} from '@karmesh/sdk/client';
import { pauseFor } from '../page/pauseFor.ts';
import { type Connection, signTransaction } from './walletFeatures.ts';

const POLL_MS = 1_000;
/** A transaction expires after some 150 slots, which is a minute; after twice that nobody will see it. */
const GIVE_UP_MS = 120_000;

/**
 * Has the wallet sign a transaction of these instructions and sends it; `onSent` is told its signature. Resolves when it is final. Throws what
 * the wallet throws, what `ChainSender` throws, and an error where the cluster does not run it in time.
 */
export async function sendByWallet(
  connection: Connection,
  parts: {
    readonly sender: ChainSender;
    readonly genesisHash: string;
    readonly instructions: readonly PlainInstruction[];
    readonly signal: AbortSignal;
    readonly onSent: (signature: string) => void;
  },
): Promise<string> {
  const { genesisHash, instructions, onSent, sender, signal } = parts;
  const payer = addressFromBase58(connection.account.address);
  const blockhash = await sender.blockhash({ signal });
  const transaction = compileTransaction({ payer, blockhash, instructions });
  const result = await signTransaction(connection, { genesisHash, transaction });
  const signature = 'sent' in result ? toBase58(result.sent) : await sender.send(result.signed, { signal });
  onSent(signature);
  const began = performance.now();
  for (;;) {
    const standing = await sender.standing(signature, { signal });
    if (standing === 'finalized') return signature;
    if (standing === 'unknown' && performance.now() - began > GIVE_UP_MS)
      throw new Error('The cluster has not run the transaction in two minutes: it has expired, and nothing was moved.');
    await pauseFor(POLL_MS, signal);
    signal.throwIfAborted();
  }
}
