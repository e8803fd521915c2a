import {
  type BaseContract,
  type ContractTransactionResponse,
  type ErrorDescription,
  type Interface,
  isError,
  type TransactionReceipt,
} from 'ethers';
import { type ErrorFacts, KarmeshError } from '../errors.ts';

/** How long one request may take, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How long a transaction may take to get into a block, in milliseconds. */
const INCLUSION_TIMEOUT_MS = 180_000;

export interface CallOptions {
  readonly signal: AbortSignal;
}

export interface SendOptions extends CallOptions {
  /** The most gas that the transaction may take; a tenth more than the node’s estimate unless told. */
  readonly gasLimit?: bigint;
}

/** A transaction that is in a block. */
export interface EvmSent {
  readonly transactionHash: string;
  readonly gasUsed: bigint;
}

/** Runs one request of ethers, which takes no signal. Throws `ABORTED` when the signal fires first, and what `evmError` says. */
export async function evmRequest<T>(
  {
    what,
    signal,
    abi,
    timeoutMs = REQUEST_TIMEOUT_MS,
  }: CallOptions & {
    readonly what: string;
    readonly abi?: Interface;
    readonly timeoutMs?: number;
  },
  request: () => Promise<T>,
): Promise<T> {
  const both = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  return await new Promise<T>((resolve, reject) => {
    const onAbort = (): void =>
      reject(
        signal.aborted
          ? new KarmeshError('ABORTED', 'A request to the EVM chain was aborted.', { what }, signal.reason)
          : new KarmeshError('RPC_UNREACHABLE', 'The EVM chain’s node did not answer in time.', { what, timeoutMs }),
      );
    if (both.aborted) {
      onAbort();
      return;
    }
    both.addEventListener('abort', onAbort, { once: true });
    request()
      .catch((cause: unknown) => {
        throw evmError({ what, abi }, cause);
      })
      .then(resolve, reject)
      .finally(() => both.removeEventListener('abort', onAbort));
  });
}

/** Asks a view of a contract. Throws what `evmRequest` throws. */
export function evmRead<T>(
  contract: BaseContract,
  method: string,
  args: readonly unknown[],
  options: CallOptions,
): Promise<T> {
  return evmRequest(
    { ...options, what: method, abi: contract.interface },
    async () => (await contract.getFunction(method).staticCall(...args)) as T,
  );
}

/** Sends a call of a contract and waits for its block. What the contract would refuse is not sent: `PROGRAM_ERROR` says by which name. */
export async function evmSend(
  contract: BaseContract,
  method: string,
  args: readonly unknown[],
  { signal, gasLimit }: SendOptions,
): Promise<EvmSent> {
  const call = contract.getFunction(method);
  const about = { signal, what: method, abi: contract.interface };
  await evmRequest(about, () => call.staticCall(...args, gasLimit === undefined ? {} : { gasLimit }));
  const limit = gasLimit ?? ((await evmRequest(about, () => call.estimateGas(...args))) * 11n) / 10n;
  const sent = await evmRequest(about, () => call.send(...args, { gasLimit: limit }));
  return await included(sent, about);
}

/** Waits until a transaction is in a block. Throws `TRANSACTION_FAILED` if it did nothing there. */
export async function included(
  sent: Pick<ContractTransactionResponse, 'wait' | 'hash'>,
  about: CallOptions & { readonly what: string },
): Promise<EvmSent> {
  const receipt: TransactionReceipt | null = await evmRequest({ ...about, timeoutMs: INCLUSION_TIMEOUT_MS }, () =>
    sent.wait(),
  );
  if (receipt === null)
    throw new KarmeshError('TRANSACTION_FAILED', 'The transaction is in no block.', { transaction: sent.hash });
  return { transactionHash: receipt.hash, gasUsed: receipt.gasUsed };
}

/** `PROGRAM_ERROR` by the contract’s own name, `TRANSACTION_FAILED` for a call that failed otherwise, `PROGRAM_MISMATCH` for answers of another contract, else `RPC_UNREACHABLE` or
 * `RPC_FAILED`. */
function evmError(
  { what, abi }: { readonly what: string; readonly abi: Interface | undefined },
  cause: unknown,
): KarmeshError {
  if (cause instanceof KarmeshError) return cause;
  if (isError(cause, 'CALL_EXCEPTION')) {
    const known = namedRevert(cause.data, abi);
    if (known !== undefined) {
      const facts: ErrorFacts = Object.fromEntries(
        known.fragment.inputs.map(({ name }, i) => [name, known.args[i] as bigint]),
      );
      return new KarmeshError(
        'PROGRAM_ERROR',
        'The contract on the EVM chain refused the call.',
        { name: known.name, method: what, ...facts },
        cause,
      );
    }
    const facts = { what, reason: cause.reason ?? undefined, transaction: cause.receipt?.hash };
    return new KarmeshError('TRANSACTION_FAILED', 'The EVM chain refused the call or the transaction.', facts, cause);
  }
  if (isError(cause, 'BAD_DATA'))
    return new KarmeshError(
      'PROGRAM_MISMATCH',
      'The contract at this address answers as another one.',
      { what },
      cause,
    );
  if (isError(cause, 'NETWORK_ERROR') || isError(cause, 'TIMEOUT') || hasErrno(cause))
    return new KarmeshError('RPC_UNREACHABLE', 'The EVM chain’s node could not be reached.', { what }, cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  return new KarmeshError('RPC_FAILED', 'The EVM chain’s node refused a request.', { what, message }, cause);
}

/** What a contract of this interface says by the data that it reverts with; undefined for none, or another contract’s. */
function namedRevert(data: string | null | undefined, abi: Interface | undefined): ErrorDescription | undefined {
  try {
    return abi?.parseError(data ?? '0x') ?? undefined;
  } catch {
    // ethers throws for data that are too short, as a node gives them where gas ran out.
    return undefined;
  }
}

function hasErrno(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && /^E[A-Z]+$/.test(String(cause.code));
}
