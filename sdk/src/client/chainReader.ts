import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import {
  ACCOUNT_SIZE,
  decodeConfig,
  decodeEpoch,
  decodeEscrow,
  decodeGatewayChain,
  decodeLayer,
  decodeModelKeys,
  decodeParticipant,
  decodeProven,
  decodeStake,
  decodeVote,
  type EpochAccount,
  type EscrowAccount,
  type ParticipantAccount,
  provenSize,
  type RawAccount,
  type StakeAccount,
  type VoteAccount,
} from '../program/accounts.ts';
import { type Address, addressFromBase58, toBase58 } from '../program/address.ts';
import { type ProgramAddresses, programAddresses } from '../program/addresses.ts';
import { checkedConfig } from '../program/checkedConfig.ts';
import { PROGRAM_ID } from '../program/programId.ts';
import type { BundleChainReader } from './readBundleChain.ts';
import type { ChallengeReader } from './recheckChallenge.ts';
import { rpcCaller } from './rpcCaller.ts';

export interface ChainReaderOptions {
  /** A Solana RPC node's address. */
  readonly rpcUrl: string;
  /** `PROGRAM_ID` unless told. */
  readonly programId?: Address;
  /** Another way to send requests than the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

type WithSignal = { readonly signal: AbortSignal };

/** What a page reads of a cluster without a gateway. */
export interface ChainReader extends BundleChainReader, ChallengeReader {
  readonly addresses: ProgramAddresses;
  /** An escrow; its `balance` is with its rent. */
  escrow(address: Address, options: WithSignal): Promise<EscrowAccount | undefined>;
  /** The newest confirmed slot. */
  slot(options: WithSignal): Promise<bigint>;
  /** In the order of their registration index, 5,000 at most. */
  participants(options: WithSignal): Promise<readonly ParticipantAccount[]>;
  /** Those that there are, in the order asked for, 100 at most. */
  epochs(epochs: readonly bigint[], options: WithSignal): Promise<readonly EpochAccount[]>;
  /** The votes of these validators on an epoch, those that there are, of 100 validators at most. */
  votes(epoch: bigint, validators: readonly Address[], options: WithSignal): Promise<readonly VoteAccount[]>;
  /** What a staker has behind whomever, 5,000 at most. */
  stakesOf(staker: Address, options: WithSignal): Promise<readonly StakeAccount[]>;
  /** The newest transactions that name an account, the newest first, 20 at most. */
  transactions(address: Address, options: WithSignal): Promise<readonly AccountTransaction[]>;
}

export interface AccountTransaction {
  /** Base58. */
  readonly signature: string;
  readonly slot: bigint;
  readonly isFailed: boolean;
}

const MAX_PARTICIPANTS = 5_000;
/** Solana's limit of addresses in one request. */
const MAX_ADDRESSES = 100;
const MAX_TRANSACTIONS = 20;

/** Solana's accounts have 10 MiB at most; the program's have 10 KiB, which is 13,656 characters in base64. */
const MAX_BASE64 = 16_384;
/** Where a stake names its staker. */
const STAKE_STAKER_OFFSET = 40;
/** Where a record of proofs names its entry. */
const PROVEN_ENTRY_OFFSET = 40;

const accountValue = z.object({
  lamports: z.number(),
  data: z.tuple([z.string().max(MAX_BASE64), z.literal('base64')]),
});
const accountReply = z.object({ value: accountValue.nullable() });
const accountsReply = z.object({ value: z.array(accountValue.nullable()).max(MAX_ADDRESSES) });
const scanReply = z.array(z.object({ pubkey: z.string().max(44), account: accountValue })).max(MAX_PARTICIPANTS);
const transactionsReply = z
  .array(z.object({ signature: z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{64,88}$/), slot: z.int(), err: z.unknown() }))
  .max(MAX_TRANSACTIONS);

/**
 * Reads the program's accounts from an RPC node with `fetch` alone, where web3.js would be too much: in a browser. Every method throws
 * `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`, and `CODEC` for an account of another layout.
 */
export function chainReader(options: ChainReaderOptions): ChainReader {
  const { programId = PROGRAM_ID } = options;
  const addresses = programAddresses(programId);
  const { call, callFor, node } = rpcCaller(options);

  const encoding = { encoding: 'base64', commitment: 'confirmed' };

  const account = async <T>(
    address: Address,
    decode: (raw: RawAccount) => T,
    signal: AbortSignal,
  ): Promise<T | undefined> => {
    const params = [toBase58(address), encoding];
    const { value } = await callFor(accountReply, { method: 'getAccountInfo', params, signal });
    return value === null ? undefined : decode(rawAccount(address, value));
  };

  const accounts = async <T>(
    wanted: readonly Address[],
    decode: (raw: RawAccount) => T,
    signal: AbortSignal,
  ): Promise<readonly T[]> => {
    if (wanted.length > MAX_ADDRESSES) {
      throw new KarmeshError('BAD_ARGUMENT', 'Too many accounts were asked for at once.', { count: wanted.length });
    }
    if (wanted.length === 0) return [];
    const params = [wanted.map(toBase58), encoding];
    const { value } = await callFor(accountsReply, { method: 'getMultipleAccounts', params, signal });
    return wanted.flatMap((address, i) => {
      const found = value[i] ?? null;
      return found === null ? [] : [decode(rawAccount(address, found))];
    });
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
    modelKeys: (keys, { signal }) => account(addresses.modelKeys(keys), decodeModelKeys, signal),
    layer: (modelKeys, operator, { signal }) => account(addresses.layer(modelKeys, operator), decodeLayer, signal),
    async provenOf(entryHash, keyCount, { signal }) {
      const filters = [
        { dataSize: provenSize(keyCount) },
        { memcmp: { offset: PROVEN_ENTRY_OFFSET, bytes: toBase58(entryHash) } },
      ];
      const params = [toBase58(programId), { ...encoding, filters }];
      const found = await callFor(scanReply, { method: 'getProgramAccounts', params, signal });
      return found.map(({ pubkey, account: value }) => decodeProven(rawAccount(addressFromBase58(pubkey), value)));
    },
    slot: async ({ signal }) =>
      BigInt(await callFor(z.int(), { method: 'getSlot', params: [{ commitment: 'confirmed' }], signal })),
    async participants({ signal }) {
      const params = [toBase58(programId), { ...encoding, filters: [{ dataSize: ACCOUNT_SIZE.participant }] }];
      const found = await callFor(scanReply, { method: 'getProgramAccounts', params, signal });
      return found
        .map(({ pubkey, account: value }) => decodeParticipant(rawAccount(addressFromBase58(pubkey), value)))
        .sort((a, b) => a.index - b.index);
    },
    async stakesOf(staker, { signal }) {
      const filters = [
        { dataSize: ACCOUNT_SIZE.stake },
        { memcmp: { offset: STAKE_STAKER_OFFSET, bytes: toBase58(staker) } },
      ];
      const params = [toBase58(programId), { ...encoding, filters }];
      const found = await callFor(scanReply, { method: 'getProgramAccounts', params, signal });
      return found.map(({ pubkey, account: value }) => decodeStake(rawAccount(addressFromBase58(pubkey), value)));
    },
    epochs: (epochs, { signal }) => accounts(epochs.map(addresses.epoch), decodeEpoch, signal),
    votes: (epoch, validators, { signal }) =>
      accounts(
        validators.map((validator) => addresses.vote(epoch, validator)),
        decodeVote,
        signal,
      ),
    async transactions(address, { signal }) {
      const params = [toBase58(address), { limit: MAX_TRANSACTIONS, commitment: 'confirmed' }];
      const found = await callFor(transactionsReply, { method: 'getSignaturesForAddress', params, signal });
      return found.map(({ signature, slot, err }) => ({ signature, slot: BigInt(slot), isFailed: err != null }));
    },
  };
}

function rawAccount(address: Address, value: z.output<typeof accountValue>): RawAccount {
  return { address, lamports: BigInt(value.lamports), data: fromBase64(value.data[0]) };
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
