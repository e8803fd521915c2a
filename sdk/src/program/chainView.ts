import type { Connection } from '@solana/web3.js';
import { KarmeshError } from '../errors.ts';
import { equalBytes, readU64le, toHex } from '../protocol/bytes.ts';
import { epochOfSlot } from '../protocol/epochClock.ts';
import { readAccounts, scanAccounts } from './accountReader.ts';
import {
  ACCOUNT_SIZE,
  type ConfigAccount,
  decodeConfig,
  decodeEpoch,
  decodeEscrow,
  decodeGatewayChain,
  EPOCH_STATE,
  type EpochAccount,
  type EscrowAccount,
  type GatewayChainAccount,
  NONE,
  type ParticipantAccount,
  type RawAccount,
  ROLE,
} from './accounts.ts';
import { type Address, addressFromBase58, CLOCK_SYSVAR, SLOT_HASHES_SYSVAR } from './address.ts';
import { type ProgramAddresses, programAddresses } from './addresses.ts';
import { checkedConfig } from './checkedConfig.ts';
import { escrowRent, sortedParticipants } from './programClient.ts';
import { PROGRAM_ID } from './programId.ts';
import { pause, rpcRequest } from './rpc.ts';
import { decodeSlotHashes, type SlotHash } from './slotHashes.ts';

/** How old the last state is, and why. */
export interface Staleness {
  /** Milliseconds since the slot of the last poll that succeeded was read. */
  readonly ageMs: number;
  /** The error of the last poll, or undefined if it succeeded. */
  readonly error: KarmeshError | undefined;
}

/**
 * The chain as of the last poll that succeeded. All readers answer at once from memory; when the RPC node is down they keep the
 * last state and `staleness` tells.
 */
export interface ChainView extends AsyncDisposable {
  readonly addresses: ProgramAddresses;
  /** Polls now, in full. Throws what the poll threw. */
  refresh(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Polls now, and scans participants and escrows only if that is due. Throws what the poll threw. */
  poll(options: { readonly signal: AbortSignal }): Promise<void>;
  /** The Clock sysvar's slot. */
  slot(): bigint;
  /** Undefined before epoch 0. */
  epoch(): bigint | undefined;
  config(): ConfigAccount;
  /** In the order of their registration index. */
  participants(): readonly ParticipantAccount[];
  participant(address: Address): ParticipantAccount | undefined;
  /** By the newest identity, else by the one before it. */
  participantByIdentity(identity: Address): ParticipantAccount | undefined;
  /** The hash of a slot among the last 4,096 that this view has seen. Undefined for a skipped slot. */
  slotHash(slot: bigint): Uint8Array | undefined;
  latestSlotHash(): SlotHash;
  /** Of the epochs from two before the current one to two after it, and before `start` of the first two. */
  chain(gateway: Address, epoch: bigint): GatewayChainAccount | undefined;
  escrow(address: Address): EscrowAccount | undefined;
  escrows(): readonly EscrowAccount[];
  /** Of the last 16 epochs, and of any that this view has seen. */
  epochAccount(epoch: bigint): EpochAccount | undefined;
  /** Calls `listener` with every new slot that a poll finds. Returns what ends that. */
  onSlot(listener: (slot: bigint) => void): () => void;
  staleness(): Staleness;
}

export interface ChainViewOptions {
  readonly connection: Connection;
  /** `PROGRAM_ID` unless told. */
  readonly programId?: Address;
  /** Milliseconds between polls. */
  readonly pollMs: number;
  /** Milliseconds between scans of participants and escrows; an epoch's beginning scans too. 2,000 unless told. */
  readonly scanMs?: number;
  /** Ends the view. */
  readonly signal: AbortSignal;
  /** Milliseconds of a clock that never runs backwards. */
  readonly now?: () => number;
}

const SLOT_HASHES_KEPT = 4096n;
const EPOCHS_READ = 16n;
const CHAINS_BEFORE = 2n;
const CHAINS_AFTER = 2n;
const DEFAULT_SCAN_MS = 2_000;

interface State {
  slot: bigint;
  config: ConfigAccount;
  participants: readonly ParticipantAccount[];
  escrows: ReadonlyMap<string, EscrowAccount>;
}

/**
 * Begins to follow the chain. Returns once the first poll has succeeded, so that every reader has an answer.
 *
 * @throws KarmeshError `RPC_UNREACHABLE`, `PROGRAM_MISMATCH` if the program is not initialised, `GENESIS_MISMATCH` if it is another cluster's.
 */
export async function createChainView(options: ChainViewOptions): Promise<ChainView> {
  const { connection, programId = PROGRAM_ID, pollMs } = options;
  const now = options.now ?? (() => performance.now());
  const scanMs = options.scanMs ?? DEFAULT_SCAN_MS;
  const addresses = programAddresses(programId);
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);

  const genesis = addressFromBase58(
    await rpcRequest(connection, 'getGenesisHash', { signal }, () => connection.getGenesisHash()),
  );
  const rent = await escrowRent(connection, { signal });
  const slotHashes = new Map<bigint, Uint8Array>();
  const epochs = new Map<bigint, EpochAccount>();
  const chains = new Map<string, GatewayChainAccount>();
  const listeners = new Set<(slot: bigint) => void>();
  let latest: SlotHash | undefined;
  let state: State | undefined;
  let polledAt = now();
  let scannedAt = Number.NEGATIVE_INFINITY;
  let lastError: KarmeshError | undefined;
  let polling: Promise<void> = Promise.resolve();

  const current = (): State => {
    if (state === undefined) throw new KarmeshError('RPC_UNREACHABLE', 'The chain has not been read yet.');
    return state;
  };
  const epochAt = (config: ConfigAccount, slot: bigint): bigint | undefined =>
    epochOfSlot(
      {
        epochZeroSlot: config.started === 0 || config.epochZeroSlot === NONE ? undefined : config.epochZeroSlot,
        slotsPerEpoch: config.parameters[0] ?? 1n,
      },
      slot,
    );

  const keepSlotHashes = (data: Uint8Array): void => {
    const entries = decodeSlotHashes(data);
    for (const { slot, hash } of entries) slotHashes.set(slot, hash);
    latest = entries[0] ?? latest;
    for (const slot of slotHashes.keys()) {
      if (latest !== undefined && slot + SLOT_HASHES_KEPT <= latest.slot) slotHashes.delete(slot);
    }
  };

  const readEpochs = async (at: bigint | undefined, config: ConfigAccount, pollSignal: AbortSignal): Promise<void> => {
    if (at === undefined) return;
    const wanted: bigint[] = [];
    for (let epoch = at > EPOCHS_READ ? at - EPOCHS_READ : 0n; epoch < at; epoch++) {
      if (epochs.get(epoch)?.state !== EPOCH_STATE.finalised) wanted.push(epoch);
    }
    const last = config.lastFinalisedEpoch;
    if (last !== NONE && epochs.get(last)?.state !== EPOCH_STATE.finalised && !wanted.includes(last)) wanted.push(last);
    const found = await readAccounts(connection, wanted.map(addresses.epoch), { signal: pollSignal });
    for (const account of found) {
      if (account === undefined) continue;
      const epoch = decodeEpoch(account);
      epochs.set(epoch.epoch, epoch);
    }
  };

  const readChains = async (
    at: bigint | undefined,
    gateways: readonly Address[],
    pollSignal: AbortSignal,
  ): Promise<void> => {
    const from = at === undefined || at < CHAINS_BEFORE ? 0n : at - CHAINS_BEFORE;
    const to = at === undefined ? 1n : at + CHAINS_AFTER;
    const wanted: Address[] = [];
    for (const gateway of gateways) {
      for (let epoch = from; epoch <= to; epoch++) {
        // A committed chain never changes, so that one reading is enough.
        if (!chains.has(chainKey(gateway, epoch))) wanted.push(addresses.chain(gateway, epoch));
      }
    }
    for (const account of await readAccounts(connection, wanted, { signal: pollSignal })) {
      if (account === undefined) continue;
      const chain = decodeGatewayChain(account);
      chains.set(chainKey(chain.gateway, chain.epoch), chain);
    }
    for (const [key, chain] of chains) if (chain.epoch < from) chains.delete(key);
  };

  const scan = async (pollSignal: AbortSignal): Promise<Pick<State, 'participants' | 'escrows'>> => {
    const [participants, escrows] = await Promise.all([
      scanAccounts(connection, { programId, size: ACCOUNT_SIZE.participant, signal: pollSignal }),
      scanAccounts(connection, { programId, size: ACCOUNT_SIZE.escrow, signal: pollSignal }),
    ]);
    return {
      participants: sortedParticipants(participants),
      escrows: new Map(escrows.map((account) => [toHex(account.address), decodeEscrow(account, rent)])),
    };
  };

  const poll = async (inFull: boolean, pollSignal: AbortSignal): Promise<void> => {
    const askedAt = now();
    const read = await readAccounts(connection, [CLOCK_SYSVAR, SLOT_HASHES_SYSVAR, addresses.config], {
      signal: pollSignal,
    });
    const [clock, hashes, configAccount] = read;
    const config = checkedConfig({
      config: configAccount === undefined ? undefined : decodeConfig(configAccount),
      genesis,
      programId,
    });
    const slot = slotOf(clock);
    if (hashes !== undefined) keepSlotHashes(hashes.data);
    const at = epochAt(config, slot);
    const before = state;
    const due =
      inFull ||
      before === undefined ||
      now() - scannedAt >= scanMs ||
      before.config.participantCount !== config.participantCount ||
      at !== epochAt(before.config, before.slot);
    const scanned = due ? await scan(pollSignal) : before;
    if (due) scannedAt = now();
    const gateways = scanned.participants.filter(({ role }) => role === ROLE.gateway).map(({ address }) => address);
    await Promise.all([readEpochs(at, config, pollSignal), readChains(at, gateways, pollSignal)]);
    state = { slot, config, participants: scanned.participants, escrows: scanned.escrows };
    polledAt = askedAt;
    lastError = undefined;
    if (before === undefined || slot > before.slot) for (const listener of listeners) listener(slot);
  };

  /** Polls one after another, so that an older answer never replaces a newer one. */
  const serialised = (inFull: boolean, pollSignal: AbortSignal): Promise<void> => {
    const next = polling.then(() => poll(inFull, pollSignal));
    polling = next.catch(() => undefined);
    return next;
  };

  await serialised(true, signal);

  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await pause(pollMs, signal);
        await serialised(false, signal);
      } catch (error) {
        if (signal.aborted) return;
        lastError =
          error instanceof KarmeshError
            ? error
            : new KarmeshError('RPC_FAILED', 'A poll of the chain failed.', {}, error);
      }
    }
  };
  const following = follow();

  return {
    addresses,
    refresh: (call) => serialised(true, AbortSignal.any([signal, call.signal])),
    poll: (call) => serialised(false, AbortSignal.any([signal, call.signal])),
    slot: () => current().slot,
    epoch: () => epochAt(current().config, current().slot),
    config: () => current().config,
    participants: () => current().participants,
    participant: (address) => current().participants.find((account) => equalBytes(account.address, address)),
    participantByIdentity: (identity) =>
      current().participants.find((account) => equalBytes(account.identity, identity)) ??
      current().participants.find((account) => equalBytes(account.previousIdentity, identity)),
    slotHash: (slot) => slotHashes.get(slot),
    latestSlotHash() {
      if (latest === undefined) {
        throw new KarmeshError('RPC_FAILED', 'The cluster has no slot hash yet.', { slot: current().slot });
      }
      return latest;
    },
    chain: (gateway, epoch) => chains.get(chainKey(gateway, epoch)),
    escrow: (address) => current().escrows.get(toHex(address)),
    escrows: () => [...current().escrows.values()],
    epochAccount: (epoch) => epochs.get(epoch),
    onSlot(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    staleness: () => ({ ageMs: now() - polledAt, error: lastError }),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await following;
      await polling;
    },
  };
}

/** For a readiness check: throws `RPC_UNREACHABLE`, with the last failure as its cause, unless the chain was read within `maxAgeMs`. */
export function checkFresh(view: Pick<ChainView, 'staleness'>, maxAgeMs: number): void {
  const { ageMs, error } = view.staleness();
  if (ageMs <= maxAgeMs) return;
  const facts = { ageMs: Math.round(ageMs) };
  throw new KarmeshError('RPC_UNREACHABLE', 'The chain was not read for a while.', facts, error);
}

function chainKey(gateway: Address, epoch: bigint): string {
  return `${toHex(gateway)} ${epoch}`;
}

function slotOf(clock: RawAccount | undefined): bigint {
  if (clock === undefined || clock.data.length < 8) {
    throw new KarmeshError('RPC_FAILED', 'The RPC node does not serve the Clock sysvar.');
  }
  return readU64le(clock.data);
}
