import { type ProgramClient, setStakeToken, toBase58, toPublicKey } from '@karmesh/sdk/program';
import type { Keypair } from '@karmesh/sdk/runtime';
import { type ConnectedLedger, connectedLedger } from '../program/ledger/connectedLedger.ts';
import { fixSupply, makeMint, makeTokenWallet, mintTo } from '../program/tokenSteps.ts';

const SOL = 1_000_000_000n;

/**
 * Gives a market that has not started a token, of which `payer` holds all there is, and `deposits` an account for it. What it gives is the mint, the
 * chain as tests of the program know it, and what the gateway must be told to be paid in it.
 */
export async function nameToken(
  { addresses, connection, send }: ProgramClient,
  named: {
    readonly initialiser: Keypair;
    readonly payer: Keypair;
    readonly deposits: Keypair;
    /** Lamports for 10^9 base units. */
    readonly rate: bigint;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly ledger: ConnectedLedger; readonly mint: Uint8Array; readonly args: readonly string[] }> {
  const { deposits, initialiser, payer, rate, signal } = named;
  const fund = async (address: Uint8Array, lamports: bigint): Promise<void> => {
    await connection.requestAirdrop(toPublicKey(address), Number(lamports));
    while ((await connection.getBalance(toPublicKey(address), 'confirmed')) === 0) signal.throwIfAborted();
  };
  const { programId } = addresses;
  const never = new AbortController().signal;
  const connected = await connectedLedger({
    ...{ kind: 'localnet', connection, programId, fund, signal: never },
    pollMs: 50,
  });
  const ledger = { ...connected, [Symbol.asyncDispose]: async () => {} };
  await fund(payer.publicKey, 10n * SOL);
  const mint = await makeMint(ledger, payer, { name: `token of ${toBase58(payer.publicKey)}` });
  await makeTokenWallet(ledger, payer, { mint, owner: deposits.publicKey });
  const to = await makeTokenWallet(ledger, payer, { mint, owner: payer.publicKey });
  await mintTo(ledger, payer, { mint, to, amount: 1_000_000n * SOL });
  await fixSupply(ledger, payer, mint);
  await send([setStakeToken(addresses, { initialiser: initialiser.publicKey, mint, rate: 1n << 32n })], { signal });
  const args = ['--x402', '--token-rate', `${rate}`, '--deposit-address', toBase58(deposits.publicKey)];
  return { ledger, mint, args };
}
