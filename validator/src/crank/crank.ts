import { setTimeout as pause } from 'node:timers/promises';
import { type Now, readOwed } from '@karmesh/sdk/participant/staking';
import {
  ASSET,
  type ChainView,
  closeBallot,
  closeEpochAccount,
  closeProposal,
  closeVote,
  collectCommission,
  collectRewards,
  executeProposal,
  NONE,
  PROPOSAL_KIND,
  type ProgramAddresses,
  type ProgramClient,
  programErrorName,
} from '@karmesh/sdk/program';
import type { Participant } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { TransactionInstruction } from '@solana/web3.js';
import { type Chore, dueChores } from './dueChores.ts';
import { readChores } from './readChores.ts';

export interface CrankOptions {
  /** Milliseconds between two looks at the slot. */
  readonly pollMs: number;
  /** Whether the owner's rewards and commission are paid out once an epoch, if they are worth more than the fee. */
  readonly collectRewards: boolean;
}

/** What the crank did about something: a chore, the payment of its owner, or its look at the chain. */
export interface CrankCount {
  readonly kind: Chore['kind'] | 'payOwner' | 'read';
  readonly outcome: 'sent' | 'refused' | 'failed';
}

export interface CrankParts {
  readonly view: Pick<ChainView, 'slot' | 'epoch' | 'config' | 'participant'>;
  readonly client: ProgramClient;
  readonly me: Participant;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly count: (what: CrankCount) => void;
}

/** Rounds in an epoch: what is over has waited for epochs, so that it need not be found at once. */
const ROUNDS_PER_EPOCH = 8n;
/** Instructions in one transaction; votes, the largest, take some 90 bytes each. */
const AT_ONCE = 5;
/** What a payment to the owner has to exceed: twice the fee of its transaction. */
const WORTH_COLLECTING = 10_000n;

/**
 * Sends what anyone may and nobody must (P-22, P-31, P-36, P-51), some rounds an epoch: executes passed proposals in turns, ends what this validator paid rent for, and pays
 * its owner if told. It signs no votes. Failures are logged and tried again in the next round, those of the chain in the next epoch. Disposing of it ends it.
 */
export const crank =
  ({ pollMs, collectRewards: collects }: CrankOptions) =>
  ({ view, client, me, log, count }: CrankParts): AsyncDisposable => {
    const stopping = new AbortController();
    const { signal } = stopping;
    /** Until which slot something that the chain refused rests. */
    const rests = new Map<string, bigint>();
    let collectedIn: bigint | undefined;

    async function round(): Promise<void> {
      const account = view.participant(me);
      const epoch = view.epoch();
      if (account === undefined || epoch === undefined) return;
      const now = nowOf(view);
      const state = await readChores(client, { account, config: view.config(), now }, { signal }).catch((err) => {
        if (!signal.aborted) count({ kind: 'read', outcome: 'failed' });
        throw err;
      });
      const due = dueChores(state).filter((chore) => (rests.get(nameOf(chore)) ?? 0n) <= now.slot);
      const alone = due.filter(({ kind }) => kind === 'executeProposal');
      const together = due.filter((chore) => !alone.includes(chore));
      for (const chore of alone) await send([chore], now);
      for (let at = 0; at < together.length; at += AT_ONCE) await send(together.slice(at, at + AT_ONCE), now);
      if (collects && collectedIn !== epoch) {
        await collect({ epoch, now });
        collectedIn = epoch;
      }
    }

    /** Sends and counts one transaction. What is refused beside others is not counted, since each is sent again alone. */
    async function transact(kinds: readonly CrankCount['kind'][], instructions: TransactionInstruction[]) {
      const countAll = (outcome: CrankCount['outcome']): void => {
        for (const kind of kinds) count({ kind, outcome });
      };
      try {
        const sent = await client.send(instructions, { signal });
        countAll('sent');
        return sent;
      } catch (err) {
        const isRefused = programErrorName(err) !== undefined;
        if (isRefused && kinds.length === 1) countAll('refused');
        if (!isRefused && !signal.aborted) countAll('failed');
        throw err;
      }
    }

    /** All in one transaction; each alone if somebody was faster with one of them. */
    async function send(chores: readonly Chore[], now: Now): Promise<void> {
      const kinds = chores.map(({ kind }) => kind);
      const shown = kinds.join(', ');
      try {
        const instructions = chores.map((chore) => instructionOf(client.addresses, chore));
        const { signature } = await transact(kinds, instructions);
        log.info({ chores: shown, signature }, 'The ledger was tidied.');
      } catch (err) {
        const refusal = programErrorName(err);
        if (refusal === undefined) throw err;
        if (chores.length > 1) {
          for (const chore of chores) await send([chore], now);
          return;
        }
        for (const chore of chores) rests.set(nameOf(chore), now.slot + now.slotsPerEpoch);
        log.info({ chores: shown, refusal }, 'The chain had moved on.');
      }
    }

    async function collect({ epoch, now }: { readonly epoch: bigint; readonly now: Now }): Promise<void> {
      // What was paid a moment ago counts, too, which the view may not show yet.
      const participant = await client.participant(me, { signal });
      if (participant === undefined) return;
      const staker = participant.owner;
      const owed = await readOwed({ client, config: view.config(), now, epoch }, { participant, staker }, { signal });
      if (owed.collectableLamports <= WORTH_COLLECTING) return;
      const { address } = participant;
      const instructions = [
        ...owed.stakes.flatMap(({ asset, rewardLamports }) =>
          rewardLamports > 0n
            ? [collectRewards(client.addresses, { participant: address, staker, asset: ASSET[asset] })]
            : [],
        ),
        ...(participant.commissionLamports > 0n
          ? [collectCommission(client.addresses, { owner: staker, participant: address })]
          : []),
      ];
      const { signature } = await transact(['payOwner'], instructions);
      log.info({ lamports: owed.collectableLamports.toString(), signature }, 'The owner was paid.');
    }

    async function follow(): Promise<void> {
      let nextSlot = 0n;
      while (!signal.aborted) {
        await pause(pollMs, undefined, { signal }).catch(() => undefined);
        if (signal.aborted || view.slot() < nextSlot) continue;
        if (rests.size > 1024) rests.clear();
        nextSlot = view.slot() + nowOf(view).slotsPerEpoch / ROUNDS_PER_EPOCH;
        try {
          await round();
        } catch (err) {
          if (!signal.aborted) log.warn({ err, retry: 'in the next round' }, 'The ledger could not be tidied.');
        }
      }
    }
    const following = follow();
    return {
      async [Symbol.asyncDispose]() {
        stopping.abort();
        await following;
      },
    };
  };

function nowOf(view: Pick<ChainView, 'slot' | 'config'>): Now {
  const { started, epochZeroSlot, parameters } = view.config();
  return {
    slot: view.slot(),
    slotMs: 400,
    epochZeroSlot: started === 0 || epochZeroSlot === NONE ? undefined : epochZeroSlot,
    slotsPerEpoch: parameters[0] ?? 1n,
  };
}

function addressOf(chore: Chore): Uint8Array {
  switch (chore.kind) {
    case 'executeProposal':
    case 'closeProposal':
      return chore.proposal.address;
    case 'closeVote':
      return chore.vote.address;
    case 'closeEpochAccount':
      return chore.epoch.address;
    case 'closeBallot':
      return chore.ballot.address;
  }
}

function nameOf(chore: Chore): string {
  return `${chore.kind} ${Buffer.from(addressOf(chore)).toString('hex')}`;
}

function instructionOf(addresses: ProgramAddresses, chore: Chore): TransactionInstruction {
  switch (chore.kind) {
    case 'executeProposal': {
      const { address, kind, recipient } = chore.proposal;
      return executeProposal(addresses, {
        proposal: address,
        ...(kind === PROPOSAL_KIND.payment ? { recipient } : {}),
      });
    }
    case 'closeVote':
      return closeVote(addresses, chore.vote);
    case 'closeEpochAccount':
      return closeEpochAccount(addresses, chore.epoch);
    case 'closeProposal':
      return closeProposal(addresses, { proposal: chore.proposal.address, payer: chore.proposal.payer });
    case 'closeBallot':
      return closeBallot(addresses, chore.ballot);
  }
}
