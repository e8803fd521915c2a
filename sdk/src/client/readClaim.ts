import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { EPOCH_STATE } from '../program/accounts.ts';
import { type Address, toBase58 } from '../program/address.ts';
import { checkClaimPath, fromHex, type KarmaVector, lifetimeLeaf, type Participant } from '../protocol/index.ts';
import type { ChainReader } from './chainReader.ts';
import { callGateway, type Gateway } from './gateway.ts';
import { lamports } from './listPrices.ts';

/** Of 2^20 participants, more than which no report has. */
const MAX_PATH = 20;

const counter = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform(fromHex);
const claim = z.object({
  index: z
    .int()
    .min(0)
    .max(2 ** MAX_PATH - 1),
  lifetimeKarma: z
    .object({ inference: counter, seeding: counter, uptime: counter, redundancy: counter, validation: counter })
    .transform(
      ({ inference, redundancy, seeding, uptime, validation }): KarmaVector => [
        inference,
        seeding,
        uptime,
        redundancy,
        validation,
      ],
    ),
  owedLamports: lamports,
  receiptsRoot: hash,
  path: z.array(hash).max(MAX_PATH),
});
const toldClaim = z.union([
  z.object({ epoch: counter.nullable(), claim: z.null() }),
  z.object({ epoch: counter, claim }),
]);

/** What a final report owes a participant beyond what was claimed, shown by a path that reaches the root on chain: all that `stakeInstructions.claim` needs but who pays the fee. */
export interface DueClaim {
  readonly epoch: bigint;
  readonly participant: Participant;
  readonly owner: Address;
  readonly index: number;
  /** Lifetimes, in micro-karma. */
  readonly karma: KarmaVector;
  /** Lamports over the participant's life. */
  readonly owed: bigint;
  readonly receiptsRoot: Uint8Array;
  readonly path: readonly Uint8Array[];
  /** Lamports that a claim brings, or as many of them as the epoch's cap leaves (P-38). */
  readonly dueLamports: bigint;
}

/**
 * What the last final epoch that the gateway knows, and by it all epochs before, owes a participant. Lifetimes only grow, so that one claim brings everything. Undefined where no epoch is
 * final, the participant has earned nothing, or nothing since it was last claimed. Throws what `callGateway` and the reader throw, `CODEC` or `PROTOCOL_VIOLATION` for a claim that does
 * not reach the root on chain (P-21), and `BAD_ARGUMENT` where there is no such participant.
 */
export async function readClaim(
  gateway: Omit<Gateway, 'apiKey'>,
  options: {
    readonly participant: Participant;
    readonly reader: Pick<ChainReader, 'checkCluster' | 'epoch' | 'participant'>;
    readonly signal: AbortSignal;
  },
): Promise<DueClaim | undefined> {
  const { participant, reader, signal } = options;
  const path = `/v1/market/claims/latest/${toBase58(participant)}`;
  const response = await callGateway(gateway, { path, signal });
  const parsed = toldClaim.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success)
    throw new KarmeshError('PROTOCOL_VIOLATION', 'The gateway’s claim is in another form.', { gateway: gateway.url });
  const { claim: told, epoch } = parsed.data;
  if (told === null) return undefined;
  const [config, account, epochAccount] = await Promise.all([
    reader.checkCluster({ signal }),
    reader.participant(participant, { signal }),
    reader.epoch(epoch, { signal }),
  ]);
  if (account === undefined)
    throw new KarmeshError('BAD_ARGUMENT', 'There is no such participant.', { participant: toBase58(participant) });
  const { index, lifetimeKarma: karma, owedLamports: owed, receiptsRoot } = told;
  const lifetime = { index, participant, karma, owed };
  const { hash: leaf } = lifetimeLeaf(config.domain, { epoch, lifetime, receiptsRoot });
  const isShown =
    index === account.index &&
    epochAccount?.state === EPOCH_STATE.finalised &&
    checkClaimPath({
      leaf,
      index,
      count: epochAccount.participantCount,
      path: told.path,
      root: epochAccount.claimsRoot,
    });
  if (!isShown)
    throw new KarmeshError('PROTOCOL_VIOLATION', 'The gateway’s claim does not reach the root on chain.', {
      rule: 'P-21',
      epoch,
      participant: toBase58(participant),
    });
  const { lifetime: claimed, lifetimePaid, owner } = account;
  const dueLamports = owed > lifetimePaid ? owed - lifetimePaid : 0n;
  if (dueLamports === 0n && karma.every((part, i) => part <= (claimed[i] ?? 0n))) return undefined;
  return { epoch, owner, ...lifetime, receiptsRoot, path: told.path, dueLamports };
}
