import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import {
  type Checkpoint,
  checkCheckpoint,
  checkRecord,
  cosignersOf,
  type Domain,
  equalBytes,
  formatOrigin,
  fromHex,
  type Hash,
  type Identity,
  LOG_CLOCK_TOLERANCE_MS,
  type LogBreak,
  type LogEvent,
  type LogReplay,
  logPeaks,
  MAX_LOG_EVENT_BYTES,
  MAX_PATH_HASHES,
  type NoteKey,
  readCheckpoint,
  replayLog,
  type Signed,
  type SignedNote,
  type Ticket,
  ticketRecord,
  toHex,
  verifyConsistency,
} from '../protocol/index.ts';
import { callGateway, type Gateway } from './gateway.ts';

/** What became of a ticket. `dropped`: the gateway's process ended while it waited. `pending`: no checkpoint has it yet. */
export type TicketFate = 'started' | 'left' | 'waiting' | 'dropped' | 'pending';

/** A rule that does not hold, by its number in docs/protocol.md. */
export type TicketBreak = Pick<LogBreak, 'sentence' | 'jumped' | 'jumping'> & {
  readonly rule: string;
  readonly index?: number;
};

export interface TicketVerdict {
  /** Whether everything holds from the opening of the log's process to the turn of this ticket. */
  readonly holds: boolean;
  readonly broken: TicketBreak | undefined;
  readonly fate: TicketFate | undefined;
  readonly ticket: { readonly number: bigint; readonly lane: number; readonly hash: Hash };
  /** From its entrance to its turn or its end, by the gateway's clock. */
  readonly waitedMs: bigint | undefined;
  /** Tickets that had their turn while this one waited. */
  readonly startedBefore: number;
  /** Of the checkpoint. */
  readonly size: number | undefined;
  /** Names of the validators who cosigned the checkpoint, of those who were given. */
  readonly cosigners: readonly string[];
}

export interface VerifyTicketOptions {
  readonly domain: Domain;
  readonly ticket: Signed<Ticket>;
  /** The keys that the gateway of the ticket may sign with. */
  readonly gatewayKeys: readonly Identity[];
  /** Who may have cosigned. */
  readonly validators: readonly NoteKey[];
  readonly signal: AbortSignal;
}

const MAX_ENTRIES = 1_024;
const hashHex = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform(fromHex);
const pathAnswer = z.object({ path: z.array(hashHex).max(MAX_PATH_HASHES) });
const entranceAnswer = z.object({ index: z.int().nonnegative(), opened: z.int().nonnegative() });
const leafHex = z
  .string()
  .max(2 * MAX_LOG_EVENT_BYTES)
  .regex(/^(?:[0-9a-f]{2})*$/)
  .transform(fromHex);
const entriesAnswer = z.object({ entries: z.array(leafHex).min(1).max(MAX_ENTRIES) });

/**
 * G-31: follows a ticket through its gateway's log, and everybody else who had a turn before it, and holds all of it against a checkpoint that
 * the gateway signed and validators cosigned. What the gateway says of the places of tickets is only where to look. Throws `PEER_UNREACHABLE`,
 * `GATEWAY_REFUSED`, `ABORTED`.
 */
export async function verifyTicket(
  gateway: Pick<Gateway, 'url' | 'fetch'>,
  options: VerifyTicketOptions,
): Promise<TicketVerdict> {
  const { domain, gatewayKeys, validators, signal } = options;
  const { value } = options.ticket;
  const ticketHash = ticketRecord.hash(domain, value);
  const blank: TicketVerdict = {
    holds: false,
    broken: undefined,
    fate: undefined,
    ticket: { number: value.ticketNumber, lane: value.lane, hash: ticketHash },
    waitedMs: undefined,
    startedBefore: 0,
    size: undefined,
    cosigners: [],
  };
  if (!gatewayKeys.some((identity) => checkRecord(ticketRecord, { domain, identity }, options.ticket)))
    return { ...blank, broken: { rule: 'F-20', sentence: 'The gateway did not sign this ticket.' } };

  const call = async (path: string): Promise<Response> => callGateway(gateway, { path, signal });
  const origin = formatOrigin({ domain, gateway: value.gateway });
  const text = await orNothing(call('/v1/log/checkpoint').then((response) => response.text()));
  if (text === undefined) return { ...blank, fate: 'pending' };
  const read = readNote(text, { origin, gatewayKeys });
  if (read === undefined)
    return { ...blank, broken: { rule: 'G-05', sentence: 'The gateway’s checkpoint is not one that it signed.' } };
  const { note, checkpoint } = read;
  const { size } = checkpoint;
  const shown: TicketVerdict = {
    ...blank,
    size,
    cosigners: cosignersOf(note, validators).map(({ name }) => name),
  };

  const entrance = await orNothing(ask(call, `/v1/log/tickets/${toHex(ticketHash)}`, entranceAnswer));
  if (entrance === undefined)
    return {
      ...shown,
      broken: { rule: 'G-13', sentence: 'The gateway signed this ticket and its log does not have it.' },
    };
  if (entrance.index >= size) return { ...shown, fate: 'pending' };

  const replay = await openedAt(call, entrance.opened);
  const followed = await follow(call, { replay, entrance, size, ticketHash, ticket: value });
  const { path } = await ask(call, `/v1/log/proof/consistency?old=${replay.size}&size=${size}`, pathAnswer);
  const claim = { oldSize: replay.size, oldRoot: replay.root(), size, root: checkpoint.root, path };
  // A gateway is not accused by leaves that nobody signed.
  if (!verifyConsistency(claim))
    return {
      ...shown,
      broken: { rule: 'G-03', sentence: 'The entries that the gateway shows are not those of its log.' },
    };
  return { ...shown, ...followed, holds: followed.broken === undefined };
}

type Call = (path: string) => Promise<Response>;

/** The checkpoint of a note, if one of these keys signed it for this log. */
function readNote(
  text: string,
  log: { readonly origin: string; readonly gatewayKeys: readonly Identity[] },
): { readonly note: SignedNote; readonly checkpoint: Checkpoint } | undefined {
  const read = readCheckpoint(text);
  const holds = log.gatewayKeys.some(
    (identity) => read !== undefined && checkCheckpoint(read.note, { origin: log.origin, identity }) !== undefined,
  );
  return holds ? read : undefined;
}

/** Undefined where the gateway says that there is nothing. */
async function orNothing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KarmeshError && error.facts.status === 404) return undefined;
    throw error;
  }
}

/** A replay from an opening on: the path of the first leaf behind a tree is made of the tree's peaks. */
async function openedAt(call: Call, opened: number): Promise<LogReplay> {
  if (opened === 0) return replayLog();
  const { path } = await ask(call, `/v1/log/proof/inclusion?index=${opened}&size=${opened + 1}`, pathAnswer);
  if (path.length !== logPeaks(opened).length)
    throw new KarmeshError('GATEWAY_REFUSED', 'The gateway’s log gives a path of the wrong length.', { opened });
  return replayLog({ size: opened, peaks: path.toReversed() });
}

type Followed = Pick<TicketVerdict, 'broken' | 'fate' | 'waitedMs' | 'startedBefore'>;

/** Replays the log until the ticket has had its turn, is gone, a rule breaks or the checkpoint ends. */
async function follow(
  call: Call,
  about: {
    readonly replay: LogReplay;
    readonly entrance: { readonly index: number };
    readonly size: number;
    readonly ticketHash: Hash;
    readonly ticket: Ticket;
  },
): Promise<Followed> {
  const { replay, entrance, size, ticketHash, ticket } = about;
  let enteredAtMs: bigint | undefined;
  let startedBefore = 0;
  const found = (fate: TicketFate, atMs?: bigint, broken?: TicketBreak): Followed => ({
    broken,
    fate,
    waitedMs: atMs === undefined || enteredAtMs === undefined ? undefined : atMs - enteredAtMs,
    startedBefore,
  });
  while (replay.size < size) {
    const { entries } = await ask(call, `/v1/log/entries?start=${replay.size}&end=${size}`, entriesAnswer);
    for (const leaf of entries.slice(0, size - replay.size)) {
      const index = replay.size;
      const { event, broken } = replay.apply(leaf);
      if (broken !== undefined) return found('waiting', undefined, broken);
      if (index === entrance.index) {
        if (!isEntrance(event, { ticketHash, ticket })) return found('waiting', undefined, notEntered(index));
        enteredAtMs = event.atMs;
        const lateMs = enteredAtMs - ticket.issuedAtMs;
        if (lateMs > BigInt(LOG_CLOCK_TOLERANCE_MS)) return found('waiting', undefined, enteredLate(index, lateMs));
        continue;
      }
      if (enteredAtMs === undefined || event === undefined) continue;
      if (event.kind === 'opened') return found('dropped', event.atMs);
      if (event.kind === 'start' && event.ticketNumber === ticket.ticketNumber) return found('started', event.atMs);
      if (event.kind === 'leave' && event.ticketNumber === ticket.ticketNumber) return found('left', event.atMs);
      if (event.kind === 'start') startedBefore += 1;
    }
  }
  return found('waiting');
}

function isEntrance(
  event: LogEvent | undefined,
  { ticketHash, ticket }: { readonly ticketHash: Hash; readonly ticket: Ticket },
): event is LogEvent & { readonly kind: 'enter' } {
  return (
    event?.kind === 'enter' &&
    equalBytes(event.ticketHash, ticketHash) &&
    event.ticketNumber === ticket.ticketNumber &&
    event.lane === ticket.lane
  );
}

function notEntered(index: number): TicketBreak {
  return {
    rule: 'G-13',
    index,
    sentence: 'The ticket stands in the log with another number or lane than it was sold with.',
  };
}

function enteredLate(index: number, lateMs: bigint): TicketBreak {
  return { rule: 'G-13', index, sentence: `The ticket entered the log ${lateMs} ms after it was sold.` };
}

async function ask<T>(call: Call, path: string, schema: z.ZodType<T>): Promise<T> {
  const answer = schema.safeParse(await (await call(path)).json().catch(() => undefined));
  if (answer.success) return answer.data;
  throw new KarmeshError('GATEWAY_REFUSED', 'The gateway’s log answers with something else than was asked.', { path });
}
