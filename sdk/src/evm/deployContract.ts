import { ContractFactory, type ContractRunner } from 'ethers';
import { contracts } from './contracts.ts';
import { type EvmAddress, parseEvmAddress } from './evmAddress.ts';
import { type EvmSent, evmRequest, included, type SendOptions } from './evmCall.ts';

/** Makes a contract. Throws what `evmSend` throws. */
export async function deployContract(
  name: keyof typeof contracts,
  args: readonly unknown[],
  { runner, signal, gasLimit }: SendOptions & { readonly runner: ContractRunner },
): Promise<EvmSent & { readonly address: EvmAddress }> {
  const { abi, bytecode } = contracts[name];
  const factory = new ContractFactory(abi, bytecode, runner);
  const about = { signal, what: `new ${name}`, abi: factory.interface };
  const transaction = await factory.getDeployTransaction(...args);
  const limits = gasLimit === undefined ? {} : { gasLimit };
  await evmRequest(about, async () => await runner.call?.({ ...transaction, ...limits }));
  const limit =
    gasLimit ?? (((await evmRequest(about, async () => await runner.estimateGas?.(transaction))) ?? 0n) * 11n) / 10n;
  const made = await evmRequest(about, () => factory.deploy(...args, { gasLimit: limit }));
  const sent = made.deploymentTransaction();
  if (sent === null) throw new TypeError('ethers made a contract without a transaction.');
  return { ...(await included(sent, about)), address: parseEvmAddress(await made.getAddress()) };
}
