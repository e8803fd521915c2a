import type { Signer } from '@karmesh/sdk';
import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type Assurance,
  type Candidate,
  type CandidateGroup,
  type Dispatch,
  type Domain,
  dispatchRecord,
  drawSeed,
  drawWorkers,
  epochOfSlot,
  type Hash,
  type ModelId,
  type Signed,
  signRecord,
  type Ticket,
  ticketRecord,
} from '@karmesh/sdk/protocol';
import type { KeyHash } from '../store/apiKeys.ts';
import { keepCandidateGroup } from '../store/candidateGroups.ts';
import { findChain } from '../store/chains.ts';
import { isUnreachable } from '../store/databaseErrors.ts';
import { insertDispatch, lastDispatch, type StoredDispatch } from '../store/dispatches.ts';
import type { Db } from '../store/openDatabase.ts';
import { chooseGroup, eligibleGroups, type GroupFacts } from './chooseGroup.ts';
import { type HashChain, hashChain } from './hashChain.ts';
import type { MarketChain } from './marketChain.ts';
import { serially } from './serially.ts';

export type IssuedDispatch = {
  readonly epoch: bigint;
  readonly signed: Signed<Dispatch>;
  readonly dispatchHash: Hash;
  readonly drawn: readonly Candidate[];
};

/**
 * Issues dispatches (F-21): the epoch's next number, the newest shared slot, the chain's preimage, and the draw that follows from them
 * . A dispatch is on disk together with its ticket before it is returned, so that both their numbers are used once whatever
 * happens to the process.
 */
export const dispatchIssuer = (
  policy: { readonly weightFloor: bigint; readonly weightCap: bigint },
  parts: {
    readonly db: Db;
    readonly domain: Domain;
    readonly signer: Signer;
    readonly clock: Clock;
    readonly chain: MarketChain;
    /** By which a dispatch's engine class is chosen where there are several. */
    readonly groupFacts: (group: CandidateGroup) => GroupFacts;
    /** Told of a dispatch of which nobody knows whether it was stored. */
    readonly onDoubt: (dispatch: StoredDispatch) => void;
  },
) => {
  const { db, chain, clock, domain } = parts;
  const inOrder = serially();
  let current: { readonly epoch: bigint; readonly hashes: HashChain } | undefined;
  // This process is the database's only writer, so what it wrote last need not be read again.
  let written: { readonly epoch: bigint; readonly last: Dispatch | undefined } | undefined;
  const keptGroups = new WeakSet<CandidateGroup>();
  let groups: { readonly epoch: bigint; readonly byModel: Map<string, readonly CandidateGroup[]> } | undefined;

  const hashesOf = async (epoch: bigint): Promise<HashChain> => {
    if (current?.epoch !== epoch) {
      const secret = await findChain(db, epoch);
      if (secret === undefined || chain.committedChain(epoch) === undefined) {
        throw new KarmeshError(
          'NO_WORKERS',
          'The gateway has no hash chain for this epoch yet and cannot draw workers.',
          { epoch },
        );
      }
      current = { epoch, hashes: hashChain(secret) };
    }
    return current.hashes;
  };

  const groupOf = (epoch: bigint, modelId: ModelId, number: bigint): CandidateGroup => {
    // What the draw reads of the accounts holds for a whole epoch (P-21), so one look is enough once there are candidates.
    if (groups?.epoch !== epoch) groups = { epoch, byModel: new Map() };
    const key = modelId.join();
    const eligible = groups.byModel.get(key) ?? eligibleGroups(chain.workers(), { epoch, modelId }, policy);
    const group = chooseGroup(eligible, parts.groupFacts, number);
    if (group === undefined) {
      throw new KarmeshError('NO_WORKERS', 'Not enough workers offer this model in one engine class.', { epoch });
    }
    groups.byModel.set(key, eligible);
    return group;
  };

  /** The newest shared slot, the epoch's number and chain, and the candidates: what can fail fails here, before a number is used. */
  const prepare = async (modelId: ModelId) => {
    await chain.catchUp();
    const shared = chain.sharedSlotHash();
    const epoch = shared === undefined ? undefined : epochOfSlot(chain.epochClock(), shared.slot);
    if (shared === undefined || epoch === undefined) {
      throw new KarmeshError('NO_WORKERS', 'The cluster has not started its first epoch.', { slot: shared?.slot });
    }
    const hashes = await hashesOf(epoch);
    if (written?.epoch !== epoch) written = { epoch, last: (await lastDispatch(db, epoch))?.value };
    const { last } = written;
    const number = (last?.dispatchNumber ?? 0n) + 1n;
    if (number > BigInt(hashes.length)) {
      throw new KarmeshError('QUEUE_FULL', 'The gateway has used up its dispatches of this epoch.', {
        epoch,
        length: hashes.length,
      });
    }
    // E-36: after a restart the view of the chain may be older than what the last process used.
    if (last !== undefined && last.slot > shared.slot) {
      throw new KarmeshError('NO_WORKERS', 'The gateway has not caught up with the chain yet.', {
        slot: shared.slot,
        lastSlot: last.slot,
      });
    }
    return { shared, epoch, number, preimage: hashes.preimage(number), group: groupOf(epoch, modelId, number) };
  };

  return {
    /** Whether a request for this model could be dispatched now. Throws as `issue` would, and takes no number. */
    check: (modelId: ModelId): Promise<void> => inOrder(async () => void (await prepare(modelId))),

    /** @throws KarmeshError `NO_WORKERS`, `QUEUE_FULL`, or what the database throws; then the dispatch may be stored all the same. */
    issue: (order: {
      readonly ticket: Signed<Ticket>;
      readonly keyHash: KeyHash;
      readonly modelId: ModelId;
      readonly assurance: Assurance;
    }): Promise<IssuedDispatch> =>
      inOrder(async () => {
        let prepared = await prepare(order.modelId);
        while (!keptGroups.has(prepared.group)) {
          await keepCandidateGroup(db, prepared.group);
          keptGroups.add(prepared.group);
          // W-10: an epoch's first dispatch waits for the database, and slots go by; what it needs is in memory the second time.
          prepared = await prepare(order.modelId);
        }
        const { shared, epoch, number, preimage, group } = prepared;
        const seed = drawSeed({ slotHash: shared.hash, preimage, dispatchNumber: number });
        const drawn = drawWorkers({ seed, candidates: group.candidates });
        const ticket = order.ticket.value;
        const now = BigInt(clock.nowMs());
        const signed = signRecord(dispatchRecord, parts, {
          ticketHash: ticketRecord.hash(domain, ticket),
          dispatchNumber: number,
          slot: shared.slot,
          preimage,
          modelId: order.modelId,
          engineClass: group.engineClass,
          assurance: order.assurance,
          dispatchedAtMs: now > ticket.issuedAtMs ? now : ticket.issuedAtMs,
        });
        written = undefined;
        const dispatch = { epoch, ticket: order.ticket, signed, slotHash: shared.hash, drawn };
        try {
          await insertDispatch(db, { ...dispatch, keyHash: order.keyHash });
        } catch (cause) {
          if (isUnreachable(cause)) parts.onDoubt(dispatch);
          throw cause;
        }
        written = { epoch, last: signed.value };
        return { epoch, signed, dispatchHash: dispatchRecord.hash(domain, signed.value), drawn };
      }),
  };
};
