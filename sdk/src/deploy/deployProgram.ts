import { ComputeBudgetProgram, type Connection, type TransactionInstruction } from '@solana/web3.js';
import type { Cluster } from '../clusters/index.ts';
import { KarmeshError } from '../errors.ts';
import {
  ACCOUNT_SIZE,
  type Address,
  initialise,
  programAddresses,
  sendTransaction,
  start,
  type TransactionSigner,
} from '../program/index.ts';
import { pause, rpcRequest } from '../program/rpc.ts';
import { CHAIN_PARAMETERS, offchainParametersHash, PROTOCOL_VERSION } from '../protocol/index.ts';
import { checkDeployed } from './checkDeployed.ts';
import { createBuffer, deployBuffer, extendProgram, setAuthority, upgradeProgram } from './loader.ts';
import { LOADER_HEADER, programDataAddress } from './loaderAccounts.ts';
import { type Observed, observe } from './observe.ts';
import { isTransient, patiently } from './patiently.ts';
import { missingRoom, type Prices, planDeployment, type Step, type StepName, type Wanted } from './planDeployment.ts';
import { writeChunkBytes, writeChunks, writePriority } from './writeChunks.ts';

const STEP_COMPUTE_UNITS = 60_000;
const SIGNATURE_LAMPORTS = 5_000n;
/** How often a step is sent that seems not to have run. */
const ATTEMPTS = 5;
const POLL_MS = 200;

export interface DeployOptions {
  readonly connection: Connection;
  readonly wanted: Wanted;
  readonly preset: Cluster;
  /** The 32 bytes of the cluster's genesis hash. */
  readonly genesis: Uint8Array;
  readonly programId: Address;
  /** Pays, and is the authority of the buffer and at first of the program. */
  readonly payer: TransactionSigner;
  /** The program's own key, which only its first deployment needs. */
  readonly program: TransactionSigner | undefined;
  readonly buffer: TransactionSigner;
  readonly parallel: number;
  /** Micro-lamports for a compute unit. */
  readonly priorityFee: number;
  /** How long a step waits for its confirmation. */
  readonly timeoutMs: number;
  /** How long pieces of the program are waited for before the buffer is read again. */
  readonly roundMs: number;
  readonly signal: AbortSignal;
}

export interface DeployEvents {
  readonly onStep: (step: Step) => void;
  readonly onSent: (sent: { readonly step: StepName; readonly signature: string }) => void;
  readonly onProgress: (done: { readonly chunks: number; readonly of: number }) => void;
}

/** What the cluster asks for this program. */
export async function deployPrices(
  options: Pick<DeployOptions, 'connection' | 'wanted' | 'priorityFee' | 'signal'>,
): Promise<Prices> {
  const { connection, wanted, priorityFee, signal } = options;
  const rent = async (bytes: number): Promise<bigint> =>
    BigInt(
      await patiently({ signal }, () =>
        rpcRequest(connection, 'getMinimumBalanceForRentExemption', { signal }, () =>
          connection.getMinimumBalanceForRentExemption(bytes, 'confirmed'),
        ),
      ),
    );
  const [bufferRent, programRent, programDataRent, configRent, vaultRent] = await Promise.all([
    rent(LOADER_HEADER.buffer + wanted.program.bytes.length),
    rent(LOADER_HEADER.program),
    rent(LOADER_HEADER.programData + wanted.maxBytes),
    rent(ACCOUNT_SIZE.config),
    rent(ACCOUNT_SIZE.vault),
  ]);
  return {
    ...{ bufferRent, programRent, programDataRent, configRent, vaultRent },
    signature: SIGNATURE_LAMPORTS,
    writePriority: writePriority(priorityFee),
    stepPriority: (BigInt(priorityFee) * BigInt(STEP_COMPUTE_UNITS) + 999_999n) / 1_000_000n,
    chunkBytes: writeChunkBytes(priorityFee),
  };
}

/** What stands on the chain now. */
export function observeFor({ connection, programId, buffer, signal }: DeployOptions): Promise<Observed> {
  return observe(connection, { programId, buffer: buffer.publicKey.toBytes(), signal });
}

/**
 * Does what is left to do, one step after the other, and looks at the chain before each: whatever ended an earlier run, and whatever a node said or did not say of a transaction, a step that the chain
 * shows as done is not sent again. Each of them can run only once on a chain, so that one that was sent twice is paid once, but for a fee.
 *
 * @throws KarmeshError `DEPLOY_REFUSED`, `DEPLOY_STALLED`, `PROGRAM_MISMATCH` when the chain holds something else than was sent, and what the node throws. Every one leaves a state from which a second call goes on.
 */
export async function deployProgram(options: DeployOptions, events: DeployEvents): Promise<Observed> {
  const { wanted, signal } = options;
  const prices = await deployPrices(options);
  for (let attempts = 0, last: StepName | undefined, fault: unknown; ; ) {
    const seen = await observeFor(options);
    const [step] = planDeployment(seen, wanted, prices);
    if (step === undefined) return seen;
    // Nothing is given away, and no epoch begins, before all that came before is as it was meant.
    if (step.name === 'setAuthority' || step.name === 'start') checkDeployed(seen, options);
    attempts = step.name === last ? attempts + 1 : 1;
    if (attempts > ATTEMPTS) {
      if (fault !== undefined) throw fault;
      throw new KarmeshError('DEPLOY_STALLED', 'A step was sent and the chain does not show it.', { step: step.name });
    }
    if (attempts === 1) events.onStep(step);
    fault = undefined;
    last = step.name;
    try {
      await runStep({ name: step.name, attempt: attempts, seen }, options, events);
    } catch (error) {
      // It may have run all the same; the next look tells.
      if (!mayHaveRun(error)) throw error;
      fault = error;
      await pause(POLL_MS * 2 ** attempts, signal);
    }
  }
}

function mayHaveRun(error: unknown): boolean {
  if (isTransient(error)) return true;
  return error instanceof KarmeshError && (error.code === 'TRANSACTION_FAILED' || error.code === 'PROGRAM_ERROR');
}

interface Attempt<N extends StepName = StepName> {
  readonly name: N;
  /** From 1. */
  readonly attempt: number;
  readonly seen: Observed;
}

async function runStep({ name, attempt, seen }: Attempt, options: DeployOptions, events: DeployEvents): Promise<void> {
  const { connection, wanted, payer, buffer, parallel, priorityFee, roundMs, signal } = options;
  if (name === 'writeBuffer') {
    const readBuffer = async () => (await observeFor(options)).buffer?.written ?? new Uint8Array();
    const { onProgress } = events;
    const program = wanted.program.bytes;
    await writeChunks(connection, {
      ...{ payer, buffer: buffer.publicKey.toBytes(), program, parallel, priorityFee, roundMs },
      ...{ readBuffer, onProgress, signal },
    });
    return;
  }
  if (seen.deployed !== undefined) await untilSlotAfter(seen.deployed.slot, options);
  const { instructions, signers } = await stepTransaction({ name, attempt, seen }, options);
  const price = ComputeBudgetProgram.setComputeUnitPrice({ microLamports: priorityFee });
  const { signature } = await sendTransaction(connection, {
    instructions: [...(priorityFee > 0 ? [price] : []), ...instructions],
    ...{ payer, signers, signal, computeUnits: STEP_COMPUTE_UNITS, pollMs: POLL_MS },
    timeoutMs: options.timeoutMs,
  });
  events.onSent({ step: name, signature });
}

/** A program can be called, and replaced again, from the slot after its deployment on. */
async function untilSlotAfter(slot: bigint, { connection, signal }: DeployOptions): Promise<void> {
  const now = () =>
    patiently({ signal }, () => rpcRequest(connection, 'getSlot', { signal }, () => connection.getSlot('confirmed')));
  while (BigInt(await now()) <= slot) await pause(POLL_MS, signal);
}

interface StepTransaction {
  readonly instructions: readonly TransactionInstruction[];
  readonly signers: readonly TransactionSigner[];
}

async function stepTransaction(
  { name, attempt, seen: { deployed } }: Attempt<Exclude<StepName, 'writeBuffer'>>,
  options: DeployOptions,
): Promise<StepTransaction> {
  const { wanted, preset, genesis, programId, program, buffer } = options;
  const prices = await deployPrices(options);
  const payer = wanted.payer;
  const bufferKey = buffer.publicKey.toBytes();
  const programData = programDataAddress(programId);
  const addresses = programAddresses(programId);
  const of = { authority: payer, program: programId, programData };
  const alone = (...instructions: readonly TransactionInstruction[]): StepTransaction => ({
    instructions,
    signers: [],
  });
  switch (name) {
    case 'createBuffer': {
      const bytes = LOADER_HEADER.buffer + wanted.program.bytes.length;
      const instructions = createBuffer({ payer, buffer: bufferKey, bytes, lamports: prices.bufferRent });
      return { instructions, signers: [buffer] };
    }
    case 'deploy': {
      if (program === undefined) {
        const facts = { flag: '--program-keypair' };
        throw new KarmeshError('CONFIG_INVALID', 'A first deployment is signed by the program’s own key.', facts);
      }
      const instructions = deployBuffer({
        ...{ payer, program: programId, programData, buffer: bufferKey, maxBytes: wanted.maxBytes },
        ...{ programBytes: LOADER_HEADER.program, programLamports: prices.programRent },
      });
      return { instructions, signers: [program] };
    }
    case 'extend': {
      const bytes = missingRoom(deployed?.bytes.length ?? 0, wanted.program.bytes.length);
      return alone(extendProgram({ ...of, bytes, form: attempt % 2 === 1 ? 'checked' : 'unchecked' }));
    }
    case 'upgrade':
      return alone(upgradeProgram({ ...of, buffer: bufferKey }));
    case 'handOver':
      return alone(setAuthority({ account: bufferKey, authority: payer, next: deployed?.authority }));
    case 'initialise':
      return alone(
        initialise(addresses, {
          ...{ payer, genesis, version: PROTOCOL_VERSION },
          parameters: CHAIN_PARAMETERS.map((parameter) => preset.chain[parameter]),
          offchainParametersHash: offchainParametersHash(preset.offchain),
        }),
      );
    case 'start':
      return alone(start(addresses, { initialiser: payer }));
    case 'setAuthority': {
      const next = wanted.authority.kind === 'address' ? wanted.authority.address : undefined;
      return alone(setAuthority({ account: programData, authority: payer, next }));
    }
  }
}
