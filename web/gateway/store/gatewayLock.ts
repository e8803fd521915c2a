import { createHash } from 'node:crypto';
import { systemClock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { Participant } from '@karmesh/sdk/protocol';
import pg from 'pg';
import { pause } from '../pause.ts';
import { codeOf } from './databaseErrors.ts';

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 2_000;
const CONNECT_MS = 5_000;
const LOOK_MS = 250;
const LOOKS = 8;
/** A server hears nothing of a machine that lost its power, and would keep its lock for two hours. These are seconds. */
const PROBES = 'set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3';

export type GatewayLockOptions = {
  readonly databaseUrl: string;
  readonly gateway: Participant;
};

/** The key of a gateway's advisory lock: 64 bits of a hash of its address. */
export function lockKey(gateway: Participant): bigint {
  return createHash('sha256').update('karmesh gateway lock').update(gateway).digest().readBigInt64BE();
}

export type GatewayLock = AsyncDisposable & {
  /** Resolves once the connection that holds the lock has ended without being asked to. */
  readonly broken: Promise<void>;
};

/**
 * Takes the lock of a gateway for as long as one connection lives, which therefore serves nothing else; undefined while another process has it.
 *
 * @throws KarmeshError `STORE_UNREACHABLE`.
 */
export async function takeGatewayLock({ databaseUrl, gateway }: GatewayLockOptions): Promise<GatewayLock | undefined> {
  const holder = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'karmesh-gateway-lock',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
    keepAlive: true,
  });
  const broken = new Promise<void>((resolve) => {
    holder.once('end', () => resolve());
    holder.once('error', () => resolve());
  });
  // What comes after the first error says no more.
  holder.on('error', () => {});
  try {
    await holder.connect();
    await holder.query(PROBES);
    const { rows } = await holder.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [
      lockKey(gateway),
    ]);
    if (rows[0]?.taken === true) return { broken, [Symbol.asyncDispose]: () => holder.end() };
    await holder.end();
    return undefined;
  } catch (cause) {
    await holder.end().catch(() => {});
    // The driver's own message may quote the URL with its password, so only the kind of failure is shown.
    throw new KarmeshError('STORE_UNREACHABLE', 'The PostgreSQL server could not be reached.', { code: codeOf(cause) });
  }
}

/** As `takeGatewayLock`, of a gateway that starts: another one that looks whether it has ended holds its lock for a moment. */
export async function awaitGatewayLock(options: GatewayLockOptions): Promise<GatewayLock | undefined> {
  for (let look = 1; look < LOOKS; look++) {
    const lock = await takeGatewayLock(options);
    if (lock !== undefined) return lock;
    await pause(systemClock, { ms: LOOK_MS, signal: new AbortController().signal });
  }
  return takeGatewayLock(options);
}

/**
 * Keeps a lock that was taken: when its connection ends, it is taken again as soon as the server is back. That is safe only if no other process
 * of this gateway was there in between, which `isOurs` tells from the fence; when it says no, `onLost` is called, once, and it is over.
 */
export function keepGatewayLock(
  options: GatewayLockOptions,
  parts: { readonly first: GatewayLock; readonly isOurs: () => Promise<boolean>; readonly onLost: () => void },
): AsyncDisposable {
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve());
  });

  /** Undefined when it is ours no more, or nobody needs it any more. */
  const takeAgain = async (): Promise<GatewayLock | undefined> => {
    for (let waitMs = FIRST_WAIT_MS; !stopping.signal.aborted; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      await using taking = new AsyncDisposableStack();
      try {
        const lock = await takeGatewayLock(options);
        if (lock !== undefined) taking.use(lock);
        if (!(await parts.isOurs())) {
          parts.onLost();
          return undefined;
        }
        // It may be the server that has not noticed yet that our own old connection ended.
        if (lock !== undefined) {
          taking.move();
          return lock;
        }
      } catch (cause) {
        if (!(cause instanceof KarmeshError)) throw cause;
      }
      await pause(systemClock, { ms: waitMs, signal: stopping.signal });
    }
    return undefined;
  };

  const keep = async (): Promise<void> => {
    let lock: GatewayLock | undefined = parts.first;
    while (lock !== undefined) {
      await Promise.race([lock.broken, stopped]);
      await release(lock);
      lock = await takeAgain();
    }
  };
  const kept = keep();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await kept;
    },
  };
}

/** A connection that has broken has given its lock up already, and says so once more. */
async function release(lock: GatewayLock): Promise<void> {
  try {
    await lock[Symbol.asyncDispose]();
  } catch {
    // Nothing is left to give up.
  }
}
