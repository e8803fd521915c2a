import { randomBytes } from 'node:crypto';
import type { Signer } from '@karmesh/sdk';
import type { Clock } from '@karmesh/sdk/clock';
import type { Host } from '@karmesh/sdk/network';
import {
  accountBlind,
  accountTag,
  consistencyPlan,
  type Domain,
  formatOrigin,
  type Hash,
  type LogEvent,
  type NoteKey,
  type VerifySignature,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { appendEvents, type LogAppender } from './appendEvents.ts';
import { askCosigners } from './askCosigners.ts';
import { lastEntered, readPath, type StoredLog } from './logStore.ts';
import { logRoutes } from './serveLog.ts';
import { signCheckpoints } from './signCheckpoints.ts';

export type OpenLogOptions = {
  /** Requests that may be at work at once. */
  readonly capacity: number;
};

export type OpenLogParts = StoredLog & {
  readonly domain: Domain;
  /** The gateway's identity. */
  readonly signer: Signer;
  readonly host: Pick<Host, 'openStream'>;
  /** The validators there are, each by the name that it cosigns under (`cosignerName`) and the key that it has now. */
  readonly cosigners: () => readonly NoteKey[];
  readonly verify: VerifySignature;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'debug' | 'error'>;
};

type QueueEvent = Exclude<LogEvent, { readonly kind: 'opened' }>;

export type GatewayLog = AsyncDisposable & {
  /** Whether a ticket may enter: whoever does may also start and leave. @throws KarmeshError `STORE_UNREACHABLE`, `STORE_LOCKED` */
  admit: LogAppender['admit'];
  /** Appends what happened in the queue, in the order in which it happened. */
  append(event: QueueEvent): void;
  /** Appends what the log may do without: while nothing is admitted it is passed over. */
  mention(event: QueueEvent): void;
  flushed: LogAppender['flushed'];
  lost: LogAppender['lost'];
  /** What stands for an account in this life of the log; the lanes' order takes its hexadecimal form as the account. */
  tagOf(account: Uint8Array): Hash;
  /** G-11: by what the buyer opens the tag of its own account. For nobody else. */
  blindOf(account: Uint8Array): Hash;
  /** The greatest number of a ticket in the log; the next ticket has the one after it. */
  readonly lastTicketNumber: bigint;
  readonly routes: ReturnType<typeof logRoutes>;
};

const MAX_PENDING = 65_536;
const RETRY_MS = 1_000;
const CHECKPOINT_MS = 1_000;
const COSIGNER_MS = 2_000;

/**
 * Opens the gateway's log on what is on disk and says so in it: the queue is empty now (G-12).
 *
 * @throws KarmeshError `STORE_FAILED`, `STORE_LOCKED` once another process has this one's place.
 */
export async function openLog({ capacity }: OpenLogOptions, parts: OpenLogParts): Promise<GatewayLog> {
  const { db, domain, signer, host, cosigners, verify, clock, log } = parts;
  const stored = { db };
  await using opening = new AsyncDisposableStack();
  const lastTicketNumber = await lastEntered(stored);
  const appender = opening.use(
    await appendEvents({ maxPending: MAX_PENDING, retryMs: RETRY_MS })({ ...stored, clock, log }),
  );
  const { size, root } = appender.tip();
  appender.append({ kind: 'opened', capacity, size: BigInt(size), root, atMs: BigInt(clock.nowMs()) });
  await appender.flushed();
  const asking = askCosigners({ timeoutMs: COSIGNER_MS })({
    host,
    cosigners,
    pathFrom: (oldSize, to) => readPath(stored, consistencyPlan(oldSize, to)),
    verify,
    log,
  });
  const checkpoints = opening.use(
    await signCheckpoints({ intervalMs: CHECKPOINT_MS })({
      ...stored,
      origin: formatOrigin({ domain, gateway: db.gateway }),
      signer,
      appender,
      cosigners: asking,
      clock,
      log,
    }),
  );
  const secret = new Uint8Array(randomBytes(32));
  const blindOf = (account: Uint8Array): Hash => accountBlind(secret, account);
  const owned = opening.move();
  return {
    admit: appender.admit,
    append(event) {
      appender.append(event);
    },
    mention(event) {
      try {
        appender.admit();
      } catch {
        return;
      }
      appender.append(event);
    },
    flushed: appender.flushed,
    lost: appender.lost,
    blindOf,
    tagOf: (account) => accountTag(account, blindOf(account)),
    lastTicketNumber,
    routes: logRoutes({ ...stored, appender, checkpoints }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
