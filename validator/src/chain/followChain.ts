import { KarmeshError } from '@karmesh/sdk/errors';
import { voteEndsAt } from '@karmesh/sdk/participant/staking';
import {
  attest,
  type ChainView,
  claim,
  closeEpoch,
  closeVote,
  type EpochAccount,
  finalise,
  NONE,
  type ParticipantAccount,
  type ProgramClient,
  postRoot,
  postVerdicts,
  type ReportArguments,
  ROLE,
  recordBeacon,
  revealRoot,
  revealSalt,
  settleEscrow,
  VOTE_FLAG,
  type VoteAccount,
} from '@karmesh/sdk/program';
import { namedParameters, type Participant, parametersIn, withChainMemo } from '@karmesh/sdk/protocol';
import type { TransactionInstruction } from '@solana/web3.js';
import type { EscrowFacts } from '../epoch/escrowRow.ts';
import {
  type ChainReader,
  type ConfigFacts,
  EPOCH_STATES,
  type EpochFacts,
  type OpenVote,
  type ParticipantFacts,
  type Role,
  type VoteFacts,
} from './chainReader.ts';
import type { ChainWriter } from './chainWriter.ts';

/** Epochs that are read behind the current one. */
const EPOCHS_READ = 16n;
/** Votes whose epochs are read at once; those behind them are read when these are closed. */
const VOTES_AT_ONCE = 64;

const ROLES: Readonly<Record<number, Role>> = {
  [ROLE.worker]: 'worker',
  [ROLE.validator]: 'validator',
  [ROLE.gateway]: 'gateway',
};

function unlessNone(value: bigint): bigint | undefined {
  return value === NONE ? undefined : value;
}

/** The chain as duties read it: the view that polls by itself, and this validator's votes, which `refresh` reads. */
export function followChain(parts: {
  readonly view: Pick<
    ChainView,
    'config' | 'epoch' | 'epochAccount' | 'participants' | 'slot' | 'slotHash' | 'chain' | 'escrow' | 'staleness'
  >;
  readonly client: Pick<ProgramClient, 'vote' | 'votesOf' | 'epoch' | 'chain'>;
  /** Undefined for whoever only looks. */
  readonly me: Participant | undefined;
}): ChainReader {
  const { view, client, me } = parts;
  const votes = new Map<bigint, VoteFacts | undefined>();
  /** Epochs whose vote was read after they were final: nothing is added to it any more. */
  const settled = new Set<bigint>();
  let participantsSeen: readonly ParticipantAccount[] | undefined;
  let participants: readonly ParticipantFacts[] = [];

  function epochs(): readonly EpochFacts[] {
    const current = view.epoch();
    if (current === undefined) return [];
    const out: EpochFacts[] = [];
    for (let epoch = current > EPOCHS_READ ? current - EPOCHS_READ : 0n; epoch < current; epoch++) {
      const account = view.epochAccount(epoch);
      if (account !== undefined) out.push(epochFacts(account));
    }
    const last = unlessNone(view.config().lastFinalisedEpoch);
    if (last !== undefined && out.every(({ epoch }) => epoch !== last)) {
      const account = view.epochAccount(last);
      if (account !== undefined) out.unshift(epochFacts(account));
    }
    return out;
  }

  function config(): ConfigFacts {
    const account = view.config();
    return {
      epochZeroSlot: account.started === 0 ? undefined : unlessNone(account.epochZeroSlot),
      lastFinalisedEpoch: unlessNone(account.lastFinalisedEpoch),
      lastRoot: account.lastRoot,
      offchainParametersHash: account.offchainParametersHash,
      parameters: namedParameters(account.parameters),
      changes: account.changes,
    };
  }

  /** P-22: an epoch is decided once it or a later one is final, and evidence takes as long at least from its own end on. */
  function mayHaveEnded(epoch: bigint): boolean {
    const { lastFinalisedEpoch } = config();
    const current = view.epoch();
    if (lastFinalisedEpoch === undefined || current === undefined || epoch > lastFinalisedEpoch) return false;
    return epoch + parametersIn(config(), epoch).evidenceEpochs <= current;
  }

  async function withEnd(
    { epoch, payer }: VoteAccount,
    options: { readonly signal: AbortSignal },
  ): Promise<OpenVote | undefined> {
    const account = await client.epoch(epoch, options);
    const { epochZeroSlot, parameters } = config();
    const clock = { epochZeroSlot, slotsPerEpoch: parameters.slotsPerEpoch };
    const endsAtSlot = account === undefined ? undefined : voteEndsAt(account, view.config(), clock);
    return endsAtSlot === undefined ? undefined : { epoch, payer, endsAtSlot };
  }

  return {
    async refresh({ signal }) {
      const { error } = view.staleness();
      if (error !== undefined) throw error;
      if (me === undefined) return;
      for (const { epoch, state } of epochs()) {
        if (settled.has(epoch)) continue;
        const vote = await client.vote(epoch, me, { signal });
        votes.set(epoch, vote === undefined ? undefined : voteFacts(vote));
        if (state === 'finalised') settled.add(epoch);
      }
      for (const epoch of votes.keys()) {
        if (votes.size <= 64) break;
        votes.delete(epoch);
        settled.delete(epoch);
      }
    },
    slot: () => view.slot(),
    config,
    participants() {
      const seen = view.participants();
      if (seen !== participantsSeen) {
        participantsSeen = seen;
        participants = seen.flatMap((account) => participantFacts(account) ?? []);
      }
      return participants;
    },
    slotHash: (slot) => view.slotHash(slot),
    gatewayChain: withChainMemo((gateway, epoch) => view.chain(gateway, epoch)),
    escrow(address): EscrowFacts | undefined {
      const escrow = view.escrow(address);
      if (escrow === undefined) return undefined;
      const { withdrawAfterEpoch, lastSettledEpoch } = escrow;
      return {
        ...escrow,
        withdrawAfterEpoch: unlessNone(withdrawAfterEpoch),
        lastSettledEpoch: unlessNone(lastSettledEpoch),
      };
    },
    epochs,
    vote: (epoch) => votes.get(epoch),
    past: {
      async epoch(epoch, options) {
        const account = await client.epoch(epoch, options);
        return account === undefined ? undefined : epochFacts(account);
      },
      gatewayChain: (gateway, epoch, options) => client.chain(gateway, epoch, options),
    },
    ownVotes: {
      async openVotes(options) {
        if (me === undefined) return [];
        const open = (await client.votesOf(me, options)).filter(({ epoch }) => mayHaveEnded(epoch));
        const oldest = open.sort((a, b) => Number(a.epoch - b.epoch)).slice(0, VOTES_AT_ONCE);
        const found = await Promise.all(oldest.map((vote) => withEnd(vote, options)));
        return found.filter((one) => one !== undefined);
      },
      async openVote(epoch, options) {
        const vote = me === undefined ? undefined : await client.vote(epoch, me, options);
        return vote === undefined ? undefined : withEnd(vote, options);
      },
    },
  };
}

function epochFacts(account: EpochAccount): EpochFacts {
  const state = EPOCH_STATES[account.state - 1];
  if (state === undefined) {
    throw new KarmeshError('PROGRAM_MISMATCH', 'An epoch on chain is in a state that this version does not know.', {
      epoch: account.epoch,
      state: account.state,
    });
  }
  return { ...account, state };
}

function participantFacts(account: ParticipantAccount): ParticipantFacts | undefined {
  const role = ROLES[account.role];
  return role === undefined ? undefined : { ...account, role };
}

function voteFacts(vote: VoteAccount): VoteFacts {
  const has = (flag: number): boolean => (vote.flags & flag) !== 0;
  return {
    attested: has(VOTE_FLAG.attested),
    saltRevealed: has(VOTE_FLAG.saltRevealed),
    sealed: has(VOTE_FLAG.sealed),
    revealed: has(VOTE_FLAG.revealed),
    sealAttempt: vote.sealAttempt,
    saltHash: vote.saltHash,
    seal: vote.seal,
  };
}

/** Compute units of one claim or settlement: a path of at most 32 nodes. The others keep to Solana's default. */
const PATH_COMPUTE_UNITS = 400_000;

/** Sends a validator's transactions, each alone, signed and paid by its identity. */
export function chainWriter(parts: {
  readonly client: ProgramClient;
  readonly me: Participant;
  readonly identity: Uint8Array;
}): ChainWriter {
  const { client, me, identity } = parts;
  const { addresses } = client;
  const keys = (
    epoch: bigint,
  ): { readonly identity: Uint8Array; readonly validator: Participant; readonly epoch: bigint } => ({
    identity,
    validator: me,
    epoch,
  });
  const send = async (
    instruction: TransactionInstruction,
    { signal, computeUnits }: { readonly signal: AbortSignal; readonly computeUnits?: number },
  ): Promise<string> => {
    const limit = computeUnits === undefined ? {} : { computeUnits };
    return (await client.send([instruction], { signal, timeoutMs: 20_000, ...limit })).signature;
  };
  return {
    closeEpoch: (roots, options) => send(closeEpoch(addresses, { ...keys(roots.epoch), ...roots }), options),
    attest: (vote, options) => send(attest(addresses, { ...keys(vote.epoch), ...vote }), options),
    revealSalt: (vote, options) => send(revealSalt(addresses, { ...keys(vote.epoch), ...vote }), options),
    recordBeacon: (epoch, options) => send(recordBeacon(addresses, { epoch }), options),
    postVerdicts: (posted, options) => send(postVerdicts(addresses, { ...keys(posted.epoch), ...posted }), options),
    postRoot: (vote, options) => send(postRoot(addresses, { ...keys(vote.epoch), ...vote }), options),
    revealRoot: ({ epoch, report, salt }, options) =>
      send(revealRoot(addresses, { ...keys(epoch), salt, report: report as ReportArguments }), options),
    settleEscrow: (settled, options) =>
      send(settleEscrow(addresses, settled), { ...options, computeUnits: PATH_COMPUTE_UNITS }),
    finalise: (epoch, options) => send(finalise(addresses, { epoch }), options),
    claim: (claimed, options) =>
      send(claim(addresses, { payer: identity, ...claimed }), { ...options, computeUnits: PATH_COMPUTE_UNITS }),
    closeVote: ({ epoch, payer }, options) => send(closeVote(addresses, { epoch, validator: me, payer }), options),
  };
}
