import { BaseWallet, type ContractRunner, FetchRequest, JsonRpcProvider, SigningKey } from 'ethers';
import { KarmeshError } from '../errors.ts';
import type { Secp256k1Key } from '../runtime/secp256k1Key.ts';
import { hex } from './evmAddress.ts';
import { evmRequest } from './evmCall.ts';

/** A node of an EVM chain, and who pays for what is sent through it. */
export interface EvmChain extends Disposable {
  readonly chainId: bigint;
  /** What ethers reads and sends with; one of your own serves as well. */
  readonly runner: ContractRunner;
}

/**
 * Connects to the JSON-RPC of an EVM chain. Without a key it only reads. Throws `CONFIG_INVALID` for no address of HTTP, and `RPC_UNREACHABLE`,
 * `RPC_FAILED` or `ABORTED`.
 */
export async function openEvmChain(options: {
  readonly url: string;
  readonly key?: Secp256k1Key;
  readonly signal: AbortSignal;
}): Promise<EvmChain> {
  const { url, key, signal } = options;
  if (!/^https?:\/\//.test(url))
    throw new KarmeshError('CONFIG_INVALID', 'A node of an EVM chain is named by a URL of http or https.', {});
  // A provider would look for the network for ever, so it is asked once before.
  const chainId = await evmRequest({ what: 'eth_chainId', signal }, async () => {
    const request = new FetchRequest(url);
    request.body = { jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] };
    const response = await request.send();
    response.assertOk();
    return BigInt((response.bodyJson as { readonly result: string }).result);
  });
  const provider = new JsonRpcProvider(url, chainId, { staticNetwork: true, cacheTimeout: -1, pollingInterval: 500 });
  const runner = key === undefined ? provider : new BaseWallet(new SigningKey(hex(key.secretKey())), provider);
  return { chainId, runner, [Symbol.dispose]: () => provider.destroy() };
}
