import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type Domain,
  equalBytes,
  type Participant,
  rootSealOf,
  saltHashOf,
  toHex,
  type Verdict,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { VoteFacts } from '../chain/chainReader.ts';
import type { Protection } from './openProtection.ts';

/** `starting`: the chain was not looked at yet. `watching`: V-26 waits whether somebody else signs. Only `signing` signs. */
export const SIGNING_STATES = ['starting', 'watching', 'signing', 'stopped'] as const;
export type SigningState = (typeof SIGNING_STATES)[number];

export interface DoppelgangerOptions {
  /** Whole epochs to watch for before the first signature, where the log does not account for what the chain shows; 2 unless told. */
  readonly watchEpochs?: number;
  /** Watches in any case: the process before this one was stopped by another, and may only have been started again. */
  readonly mustWatch?: boolean;
}

export interface DoppelgangerParts {
  readonly domain: Domain;
  readonly me: Participant;
  readonly protection: Pick<Protection, 'accountsFor' | 'isEmpty' | 'close'>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** What one look at the chain shows. */
export interface SeenVotes {
  readonly slot: bigint;
  /** Undefined before the first. */
  readonly epoch: bigint | undefined;
  /** This validator's votes on chain. */
  readonly votes: readonly (VoteFacts & { readonly epoch: bigint })[];
  /** The newest epoch whose beacon is known, -1 before the first: verdicts of later ones cannot have been given yet. */
  readonly beaconThrough: bigint;
  /** Whether this validator ever earned, so that it has worked somewhere. */
  readonly hasEarned: boolean;
}

export interface Doppelganger {
  state(): SigningState;
  /** Resolves with why, once another process was seen to act with this identity; never otherwise. */
  readonly stopped: Promise<KarmeshError>;
  /** Judges what the chain shows; to be called with every look, before any duty. */
  look(seen: SeenVotes): Promise<void>;
  /** A verdict with this validator's valid signature was heard. */
  heardVerdict(verdict: Verdict): void;
  /** N-10: another process announces itself with this identity. */
  heardTwin(): void;
}

/** For how many slots a transaction of a process that has ended may still arrive: so long its blockhash is taken. */
const IN_FLIGHT_SLOTS = 150n;

/**
 * V-26: whether another process signs with this validator's identity. What it signed would contradict what is signed here, and neither log would know, so
 * that nothing is signed before that is ruled out, and nothing any more once it is seen.
 *
 * After Lighthouse's doppelganger protection, which waits two epochs in any case. Here the vote accounts say who signed last: where the log holds all of them,
 * as after every ordinary restart, nothing is waited for.
 */
export const doppelganger =
  ({ watchEpochs = 2, mustWatch = false }: DoppelgangerOptions = {}) =>
  ({ domain, me, protection, log }: DoppelgangerParts): Doppelganger => {
    const stopped = Promise.withResolvers<KarmeshError>();
    let state: SigningState = 'starting';
    let watch: { readonly fromEpoch: bigint; readonly fromSlot: bigint; readonly beaconThrough: bigint } | undefined;
    /** What was there when the watch began, by key, with its epoch. */
    const known = new Map<string, bigint>();

    function stop(seen: string, facts: Readonly<Record<string, string | bigint | number>>): void {
      if (state === 'stopped') return;
      state = 'stopped';
      const error = new KarmeshError(
        'DOPPELGANGER',
        'Another process acts with this validator’s identity, so that this one signs nothing any more.',
        { seen, ...facts, validator: toHex(me), retry: 'once the other one is stopped for good' },
      );
      log.error({ err: error, seen }, 'Another process acts with this validator’s identity.');
      stopped.resolve(error);
    }

    /** What the votes show that this log does not account for. */
    function foreignActs(votes: SeenVotes['votes']): ReadonlyMap<string, bigint> {
      const acts = new Map<string, bigint>();
      for (const vote of votes) {
        const { epoch, saltHash, seal, sealAttempt: attempt } = vote;
        const hasAttested = protection.accountsFor({
          kind: 'attestation',
          epoch,
          isOurs: ({ salt }) => equalBytes(saltHashOf(domain, { epoch, validator: me, salt }), saltHash),
        });
        if (vote.attested && !hasAttested) {
          acts.set(`attestation of epoch ${epoch}`, epoch);
          if (vote.saltRevealed) acts.set(`salt of epoch ${epoch}`, epoch);
        }
        const hasSealed = protection.accountsFor({
          kind: 'rootVote',
          epoch,
          attempt,
          isOurs: ({ reportHash, salt }) =>
            equalBytes(rootSealOf(domain, { epoch, reportHash, salt, validator: me }), seal),
        });
        if (vote.sealed && !hasSealed) {
          acts.set(`seal ${attempt} of epoch ${epoch}`, epoch);
          if (vote.revealed) acts.set(`report ${attempt} of epoch ${epoch}`, epoch);
        }
      }
      return acts;
    }

    function begin({ epoch, slot, beaconThrough, hasEarned }: SeenVotes, foreign: ReadonlyMap<string, bigint>): void {
      // A folder that signed last, or the first of a validator that never voted.
      const signedLast = foreign.size === 0 && !(protection.isEmpty() && hasEarned);
      if (epoch === undefined || (signedLast && !mustWatch)) {
        state = 'signing';
        return;
      }
      state = 'watching';
      watch = { fromEpoch: epoch, fromSlot: slot, beaconThrough };
      for (const [act, of] of foreign) known.set(act, of);
      log.warn(
        {
          unknown: [...foreign.keys()],
          watchEpochs,
          epoch: epoch.toString(),
          untilEpoch: (epoch + BigInt(watchEpochs)).toString(),
        },
        'Nothing is signed until no other process was seen for some epochs.',
      );
    }

    async function goOnWatching({ epoch, slot }: SeenVotes, foreign: ReadonlyMap<string, bigint>): Promise<void> {
      if (watch === undefined || epoch === undefined) return;
      const { fromEpoch, fromSlot } = watch;
      for (const [act, of] of foreign) {
        if (known.has(act)) continue;
        // A process that was killed may have sent its last votes just before.
        if (of < fromEpoch && slot < fromSlot + IN_FLIGHT_SLOTS) known.set(act, of);
        else return stop('a vote on chain', { act, epoch: of });
      }
      if (epoch < fromEpoch + BigInt(watchEpochs)) return;
      const through = [...known.values()].reduce((a, b) => (a > b ? a : b), fromEpoch - 1n);
      // V-25: whatever was signed there by the process before is unknown here.
      await protection.close({ attestation: through, rootVote: through, verdict: through });
      state = 'signing';
      log.info({ closedThrough: through.toString() }, 'No other process was seen; this one signs from now on.');
    }

    return {
      state: () => state,
      stopped: stopped.promise,
      async look(seen) {
        if (state === 'stopped') return;
        const foreign = foreignActs(seen.votes);
        if (state === 'starting') begin(seen, foreign);
        else if (state === 'watching') await goOnWatching(seen, foreign);
        else for (const [act, epoch] of foreign) stop('a vote on chain', { act, epoch });
      },
      heardVerdict(verdict) {
        const { epoch, attempt, entryHash } = verdict;
        if (state === 'starting' || protection.accountsFor({ kind: 'verdict', verdict })) return;
        // Peers say old verdicts again (V-17).
        if (watch !== undefined && epoch <= watch.beaconThrough) return;
        stop('a verdict', { epoch, attempt, entry: toHex(entryHash) });
      },
      heardTwin: () => stop('an announcement', {}),
    };
  };
