import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import {
  decodeConfig,
  decodeEpoch,
  decodeEscrow,
  decodeGatewayChain,
  decodeParticipant,
  type RawAccount,
} from '../program/accounts.ts';
import { type Address, addressFromBase58, toBase58 } from '../program/address.ts';
import { programAddresses } from '../program/addresses.ts';
import { checkedConfig } from '../program/checkedConfig.ts';
import { PROGRAM_ID } from '../program/programId.ts';
import type { BundleChainReader } from './readBundleChain.ts';

export interface ChainReaderOptions {
  /** A Solana RPC node's address. */
  readonly rpcUrl: string;
  /** `PROGRAM_ID` unless told. */
  readonly programId?: Address;
  /** Another way to send requests than the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Solana's accounts have 10 MiB at most; the program's have 1 KiB, which is 1,368 characters in base64. */
const MAX_BASE64 = 4096;

const reply = z.union([
  z.object({ result: z.unknown() }).refine(({ result }) => result !== undefined),
  z.object({ error: z.object({ message: z.string() }) }),
]);
const accountReply = z.object({
  value: z
    .object({ lamports: z.number(), data: z.tuple([z.string().max(MAX_BASE64), z.literal('base64')]) })
    .nullable(),
});

/**
 * Reads the program's accounts from an RPC node with `fetch` alone, where web3.js would be too much: in a browser. Every method throws
 * `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`, and `CODEC` for an account of another layout.
 */
export function chainReader(options: ChainReaderOptions): BundleChainReader {
  const { rpcUrl, programId = PROGRAM_ID } = options;
  const send = options.fetch ?? globalThis.fetch;
  const addresses = programAddresses(programId);
  // A path may hold a key; errors name the node by its origin alone.
  const node = new URL(rpcUrl).origin;

  const call = async (method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown> => {
    let body: unknown;
    try {
      const response = await send(rpcUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
        signal,
      });
      body = await response.json();
    } catch (cause) {
      if (signal.aborted)
        throw new KarmeshError('ABORTED', 'A request to the RPC node was aborted.', { method }, cause);
      throw new KarmeshError('RPC_UNREACHABLE', 'The RPC node could not be reached.', { method, node }, cause);
    }
    const parsed = reply.safeParse(body);
    if (!parsed.success) throw new KarmeshError('RPC_FAILED', 'The RPC node did not speak JSON-RPC.', { method, node });
    if ('error' in parsed.data) {
      const { message } = parsed.data.error;
      throw new KarmeshError('RPC_FAILED', 'The RPC node refused a request.', { method, node, message });
    }
    return parsed.data.result;
  };

  const account = async <T>(
    address: Address,
    decode: (raw: RawAccount) => T,
    signal: AbortSignal,
  ): Promise<T | undefined> => {
    const params = [toBase58(address), { encoding: 'base64', commitment: 'confirmed' }];
    const parsed = accountReply.safeParse(await call('getAccountInfo', params, signal));
    if (!parsed.success)
      throw new KarmeshError('RPC_FAILED', 'The RPC node gave an account in another form.', { node });
    const { value } = parsed.data;
    if (value === null) return undefined;
    return decode({ address, lamports: BigInt(value.lamports), data: fromBase64(value.data[0]) });
  };

  return {
    addresses,
    async checkCluster({ signal }) {
      const [config, genesis] = await Promise.all([
        account(addresses.config, decodeConfig, signal),
        call('getGenesisHash', [], signal),
      ]);
      if (typeof genesis !== 'string') throw new KarmeshError('RPC_FAILED', 'The RPC node has no genesis.', { node });
      return checkedConfig({ config, genesis: addressFromBase58(genesis), programId });
    },
    participant: (address, { signal }) => account(address, decodeParticipant, signal),
    chain: (gateway, epoch, { signal }) => account(addresses.chain(gateway, epoch), decodeGatewayChain, signal),
    // The balance is of no interest here, and with it the rent that lies beneath.
    escrow: (address, { signal }) => account(address, (raw) => decodeEscrow(raw, 0n), signal),
    epoch: (epoch, { signal }) => account(addresses.epoch(epoch), decodeEpoch, signal),
  };
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
