import {
  addressFromBase58,
  type ChainReader,
  chainReader,
  type DueClaim,
  EPOCH_STATE,
  type EpochAccount,
  isLoopback,
  KarmeshError,
  NONE,
  type ParticipantAccount,
  type ProgramAddresses,
  ROLE,
  readClaim,
  type StakeStanding,
  stakeStanding,
  toBase58,
  VOTE_FLAG,
} from '@karmesh/sdk/client';
import { epochOfSlot, equalBytes, KARMA_PARTS, namedParameters, ownBond, toHex } from '@karmesh/sdk/protocol';
import {
  EPOCH_STATES,
  type EpochFacts,
  type EpochsFacts,
  type KarmaFacts,
  type MarketFacts,
  type WorkerFacts,
  type WorkersFacts,
} from '../market/facts.ts';
import type { Read } from '../page/useFacts.ts';
import type { ChainNode } from './chainNode.ts';

/** What one validator has done for an epoch. */
export type VoteFacts = {
  readonly validator: string;
  readonly stake: bigint;
  readonly hasAttested: boolean;
  readonly hasRevealedSalt: boolean;
  readonly hasSealed: boolean;
  readonly hasRevealed: boolean;
};

export type EpochDetails = {
  readonly votes: readonly VoteFacts[];
  /** The newest transactions that name the epoch's account, the newest first. */
  readonly transactions: readonly { readonly signature: string; readonly slot: bigint; readonly isFailed: boolean }[];
};

/** One participant that an address owns or stakes behind, and its stakes there. */
export type Holding = {
  readonly participant: ParticipantAccount;
  readonly isOwner: boolean;
  readonly stakes: readonly StakeStanding[];
};

export type Holdings = {
  readonly addresses: ProgramAddresses;
  readonly genesisHash: string;
  readonly tokenMint: Uint8Array;
  readonly held: readonly Holding[];
};

/** All that the page shows of a cluster, read from an RPC node without a gateway. */
export type ChainSource = {
  readonly node: ChainNode;
  readonly market: Read<MarketFacts>;
  readonly workers: Read<WorkersFacts>;
  readonly epochs: Read<EpochsFacts>;
  details(epoch: bigint, signal: AbortSignal): Promise<EpochDetails>;
  /** What an address owns or has staked, base58. */
  holdings(of: string, signal: AbortSignal): Promise<Holdings>;
  /** What a participant may claim; the gateway that serves this page shows it, the chain says whether it is so. */
  claim(participant: Uint8Array, signal: AbortSignal): Promise<DueClaim | undefined>;
};

/** What a slot of Solana takes; times that come are estimates. */
const SLOT_MS = 400;
const MAX_WORKERS = 200;
const MAX_EPOCHS = 16n;
const MAX_VALIDATORS = 100;

/**
 * Reads through `chainReader`. Every read throws what that throws, and before anything else `GENESIS_MISMATCH` unless the node serves the
 * cluster that the program was set up for and, where one is told, the cluster with `genesisHash`.
 */
export function chainSource(
  node: ChainNode,
  options: { readonly genesisHash: string | undefined; readonly fetch?: typeof globalThis.fetch },
): ChainSource {
  const { genesisHash, fetch } = options;
  const { rpcUrl, programId } = node;
  let reader: ChainReader | undefined;

  /** The checked reader and the chain's Config, which is read anew each time. */
  const open = async (signal: AbortSignal) => {
    reader ??= chainReader({
      rpcUrl,
      programId: addressFromBase58(programId),
      ...(fetch === undefined ? {} : { fetch }),
    });
    const config = await reader.checkCluster({ signal });
    const found = toBase58(config.genesis);
    if (genesisHash !== undefined && found !== genesisHash) {
      const facts = { gateway: genesisHash, node: found };
      throw new KarmeshError('GENESIS_MISMATCH', 'This RPC node serves another cluster than the gateway uses.', facts);
    }
    return { reader, config };
  };

  const clock = async (signal: AbortSignal) => {
    const opened = await open(signal);
    const { config } = opened;
    const slot = await opened.reader.slot({ signal });
    const isStarted = config.started !== 0 && config.epochZeroSlot !== NONE;
    const { slotsPerEpoch } = namedParameters(config.parameters);
    const epochZeroSlot = isStarted ? config.epochZeroSlot : undefined;
    return {
      ...opened,
      slot,
      epochZeroSlot,
      slotsPerEpoch,
      epoch: epochOfSlot({ epochZeroSlot, slotsPerEpoch }, slot),
    };
  };

  return {
    node,
    async market(signal) {
      const { config, epoch, reader: opened, slot } = await clock(signal);
      const participants = await opened.participants({ signal });
      const count = (role: number): number => participants.filter((each) => each.role === role).length;
      return {
        cluster: { isLocal: isLoopback(rpcUrl), rpcUrl, programId, genesisHash: toBase58(config.genesis) },
        slot,
        epoch: epoch ?? null,
        workers: count(ROLE.worker),
        validators: count(ROLE.validator),
      };
    },
    async workers(signal) {
      const opened = await open(signal);
      const workers = (await opened.reader.participants({ signal })).filter(({ role }) => role === ROLE.worker);
      return { total: workers.length, workers: workers.slice(0, MAX_WORKERS).map(workerFacts) };
    },
    async epochs(signal) {
      const { epoch: current, reader: opened } = await clock(signal);
      const wanted: bigint[] = [];
      for (let age = 1n; current !== undefined && age <= MAX_EPOCHS && age <= current; age++)
        wanted.push(current - age);
      const found = await opened.epochs(wanted, { signal });
      return { current: current ?? null, epochs: found.map(epochFacts) };
    },
    async holdings(of, signal) {
      const { config, epochZeroSlot, reader: opened, slot, slotsPerEpoch } = await clock(signal);
      const address = addressFromBase58(of);
      const [participants, stakes] = await Promise.all([
        opened.participants({ signal }),
        opened.stakesOf(address, { signal }),
      ]);
      const now = { slot, epochZeroSlot, slotsPerEpoch, slotMs: SLOT_MS };
      const held = participants.flatMap((participant): readonly Holding[] => {
        const isOwner = equalBytes(participant.owner, address);
        const own = stakes.filter((stake) => equalBytes(stake.participant, participant.address));
        if (!isOwner && own.length === 0) return [];
        return [{ participant, isOwner, stakes: own.map((one) => stakeStanding(one, { config, participant, now })) }];
      });
      return { addresses: opened.addresses, genesisHash: toBase58(config.genesis), tokenMint: config.tokenMint, held };
    },
    async claim(participant, signal) {
      const { reader: opened } = await open(signal);
      return readClaim({ url: globalThis.location.origin }, { participant, reader: opened, signal });
    },
    async details(epoch, signal) {
      const { reader: opened } = await open(signal);
      const participants = await opened.participants({ signal });
      const validators = participants.filter(({ role }) => role === ROLE.validator).slice(0, MAX_VALIDATORS);
      const [votes, transactions] = await Promise.all([
        opened.votes(
          epoch,
          validators.map(({ address }) => address),
          { signal },
        ),
        opened.transactions(opened.addresses.epoch(epoch), { signal }),
      ]);
      return {
        votes: votes.map(({ flags, stake, validator }) => {
          const has = (flag: number): boolean => (flags & flag) !== 0;
          return {
            validator: toBase58(validator),
            stake,
            hasAttested: has(VOTE_FLAG.attested),
            hasRevealedSalt: has(VOTE_FLAG.saltRevealed),
            hasSealed: has(VOTE_FLAG.sealed),
            hasRevealed: has(VOTE_FLAG.revealed),
          };
        }),
        transactions,
      };
    },
  };
}

function workerFacts(worker: ParticipantAccount): WorkerFacts {
  return {
    address: toBase58(worker.address),
    isReachable: null,
    bondLamports: ownBond(worker),
    karma: Object.fromEntries(KARMA_PARTS.map((part, i) => [part, worker.karma[i] ?? 0n])) as KarmaFacts,
    karmaSlot: worker.karmaSlot,
    paidLamports: worker.lifetimePaid,
  };
}

/** Fields that a later step of the epoch writes are null until then. */
function epochFacts(account: EpochAccount): EpochFacts {
  const since = <T>(state: number, value: T): T | null => (account.state >= state ? value : null);
  return {
    epoch: account.epoch,
    address: toBase58(account.address),
    state: EPOCH_STATES[account.state - EPOCH_STATE.closed] ?? 'closed',
    entryCount: account.entryCount,
    receiptSetRoot: toHex(account.receiptSetRoot),
    totalStake: account.totalStake,
    attestedStake: account.attestedStake,
    beacon: since(EPOCH_STATE.beacon, toHex(account.beacon)),
    verdictCount: since(EPOCH_STATE.verdicts, account.verdictCount),
    root: since(EPOCH_STATE.reported, toHex(account.root)),
    settledLamports: since(EPOCH_STATE.finalised, account.settledLamports),
  };
}
