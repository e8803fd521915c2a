import { clusterPreset } from '@karmesh/sdk/clusters';
import { closeProgram, deployProgram, programDataAddress, readProgramFile } from '@karmesh/sdk/deploy';
import { requestAirdrop, sendTransaction, toPublicKey, transactionSigner } from '@karmesh/sdk/program';
import { generateKeypair, type Keypair, loadKeypair } from '@karmesh/sdk/runtime';
import { Connection, SystemProgram } from '@solana/web3.js';
import { type ConnectedLedger, connectedLedger } from './connectedLedger.ts';
import { PROGRAM_FILE } from './programFile.ts';

const POLL_MS = 100;
const TIMEOUT_MS = 60_000;
const SOL = 1_000_000_000n;
/** No test bonds more, and a live cluster's money is scarce. */
const MOST_LAMPORTS = 100n * SOL;
/** What the faucet gives whoever pays, if no keypair does. */
const FAUCET_LAMPORTS = 1_000n * SOL;

const nothing = (): void => {};
let treasury: Promise<Keypair> | undefined;

/** Any cluster by its RPC node, with the program at an address of its own: deployed now, closed at the end, its rent back with who paid. */
export async function liveLedger(options: {
  readonly rpcUrl: string;
  /** Who pays; a new key with money of the faucet unless told. */
  readonly keypair: string | undefined;
  readonly signal: AbortSignal;
}): Promise<ConnectedLedger> {
  const { rpcUrl, keypair, signal } = options;
  const connection = new Connection(rpcUrl, 'confirmed');
  treasury ??= keypair === undefined ? fromFaucet(connection, { signal }) : loadKeypair(keypair);
  const payer = await treasury;
  const program = generateKeypair();
  const programId = program.publicKey;
  const file = await readProgramFile(PROGRAM_FILE);
  const ledger = await connectedLedger({
    ...{ kind: 'live', connection, programId, pollMs: POLL_MS, signal },
    async fund(address, lamports) {
      const wanted = lamports < MOST_LAMPORTS ? lamports : MOST_LAMPORTS;
      const missing = wanted - BigInt(await connection.getBalance(toPublicKey(address), 'confirmed'));
      if (missing <= 0n) return;
      const [fromPubkey, toPubkey] = [toPublicKey(payer.publicKey), toPublicKey(address)];
      const transfer = SystemProgram.transfer({ fromPubkey, toPubkey, lamports: Number(missing) });
      await sendTransaction(connection, { instructions: [transfer], payer: transactionSigner(payer), signal });
    },
  });
  await deployProgram(
    {
      ...{ connection, programId, genesis: ledger.genesis, signal, preset: clusterPreset('localnet') },
      wanted: {
        ...{ program: file, maxBytes: file.bytes.length, payer: payer.publicKey },
        ...{ authority: { kind: 'keep' }, setUp: false, start: false },
      },
      payer: transactionSigner(payer),
      program: transactionSigner(program),
      buffer: transactionSigner(generateKeypair()),
      ...{ parallel: 8, priorityFee: 0, timeoutMs: TIMEOUT_MS, roundMs: TIMEOUT_MS },
    },
    { onStep: nothing, onSent: nothing, onProgress: nothing },
  );
  // The loader lets nobody call or close a program in the slot of its deployment.
  await ledger.untilSlot((await ledger.slot()) + 2n);
  return {
    ...ledger,
    async [Symbol.asyncDispose]() {
      const programData = programDataAddress(programId);
      await sendTransaction(connection, {
        instructions: [closeProgram({ program: programId, programData, authority: payer.publicKey })],
        payer: transactionSigner(payer),
        // The test's own signal may have fired.
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    },
  };
}

async function fromFaucet(connection: Connection, { signal }: { readonly signal: AbortSignal }): Promise<Keypair> {
  const payer = generateKeypair();
  await requestAirdrop(connection, { address: payer.publicKey, lamports: FAUCET_LAMPORTS, signal });
  return payer;
}
