import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import { toHex } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { isLocked, isRowFault, isUnreachable } from '../store/databaseErrors.ts';
import type { Db } from '../store/openDatabase.ts';
import type { ChargedRequest, ChargeEnd, ClosedCharge, OpenCharge, PurseKey, Usage } from './charges.ts';
import { commitPurse, type PocketChange, type PocketWritten, type PurseBatch } from './commitPurse.ts';
import { changeOf, emptyPocket, freeOf, type Pocket } from './pocket.ts';
import { type RecoveredPurse, recoverPurse } from './recoverPurse.ts';

export type PurseOptions = {
  /** What is taken out of a key beyond what a request needs, in lamports, where there is plenty. */
  readonly blockLamports: bigint;
  /** How long an allowance that no request has touched is kept, in milliseconds. */
  readonly idleMs: number;
};

export type Hold = {
  /** What the request may cost at most; its tokens are clipped to this. */
  readonly lamports: bigint;
  /** Says which request it is for, once that is known and before anything is metered. */
  bind(request: ChargedRequest): void;
  /** Records what was delivered, after the socket took it. The last of it is stored with the next commit; nobody waits for that. */
  meter(usage: Usage): void;
  /** Bills the request, with its last usage; resolves once that is stored for good. */
  close(end: ChargeEnd & { readonly usage: Usage }): Promise<void>;
  /**
   * Ends a hold that was not closed; after `close` it does nothing. What was metered is billed as far as it was delivered, since the buyer has it,
   * and the margin bears it: nothing is settled for it.
   */
  release(): void;
};

export type Purse = AsyncDisposable & {
  /**
   * Sets between `least` and `most` lamports of a key aside: at once where this process has an allowance that suffices, else after one commit.
   *
   * @throws KarmeshError `CREDIT_SHORT` when the account or the key has not as much, `CREDIT_HELD` when it has, but set aside for others;
   * `STORE_UNREACHABLE`.
   */
  reserve(order: { readonly key: PurseKey; readonly least: bigint; readonly most: bigint }): Promise<Hold>;
  /** Gives back every allowance that no request holds, and resolves once that is stored. */
  giveBack(): Promise<void>;
  /**
   * What was delivered and is not stored yet, in lamports, now and at most so far: a process that is killed bills that much less. It is what all
   * streams delivered within one commit.
   */
  unsaved(): { readonly lamports: bigint; readonly mostLamports: bigint };
  /** What earlier processes of this gateway had left behind. */
  readonly recovered: RecoveredPurse;
};

/** For how long a key that had too little is not asked about again. */
const SHORT_MS = 1_000;
const RETRY_MS = 250;
const MAX_RETRY_MS = 4_000;
/** Between two tries of a bill that the tables refuse. */
const MAX_ASIDE_MS = 60_000;
/** After so many failures in a row that are not a server's absence, the parts of a commit are tried by themselves. */
const MAX_FAILURES = 5;
/** Charges in one transaction; the database takes 65,535 values in a statement. */
const MAX_CHARGES = 1_000;

type Holding = {
  readonly pocket: Pocket;
  readonly lamports: bigint;
  request: ChargedRequest | undefined;
  usage: Usage | undefined;
  /** Lamports of it that are stored. */
  saved: bigint;
  over: boolean;
};

type Closing = {
  readonly kind: 'end';
  readonly holding: Holding;
  readonly charge: ClosedCharge;
  readonly stored: PromiseWithResolvers<void>;
};

/** What is stored or refused as one. */
type Part =
  | Closing
  | { readonly kind: 'meter'; readonly holding: Holding; readonly charge: OpenCharge }
  | {
      readonly kind: 'pocket';
      readonly pocket: Pocket;
      readonly asking: Pocket['asking'];
      readonly givenBack: bigint;
      readonly needed: bigint;
    };

/**
 * Buyers' money on the hot path. Each process takes an allowance out of a key under row locks and spends it from memory, so that no request waits
 * for the database and no two gateways sell the same lamport. All streams of the process share one commit at a time: the next begins
 * when the last has ended, and has the last usage of each.
 */
export async function openPurse(
  options: PurseOptions,
  parts: { readonly db: Db; readonly clock: Clock; readonly log: Pick<Logger, 'error' | 'warn'> },
): Promise<Purse> {
  const { db, clock, log } = parts;
  const recovered = await recoverPurse(db, BigInt(clock.nowMs()));
  const pockets = new Map<string, Pocket>();
  const changed = new Set<Pocket>();
  const metered = new Set<Holding>();
  const closing: Closing[] = [];
  /** What the tables have refused, with what ends its alarm, and for how long each has waited. */
  const aside = new Map<Part, () => void>();
  const waits = new WeakMap<Part, number>();
  let running: Promise<void> | undefined;
  let stopped = false;
  /** Why the last commit failed, while it is tried again. */
  let unreachable: unknown;
  let unsaved = 0n;
  let mostUnsaved = 0n;

  const pocketOf = (key: PurseKey): Pocket => {
    const name = toHex(key.keyHash);
    const pocket = pockets.get(name) ?? emptyPocket(key);
    pockets.set(name, pocket);
    return pocket;
  };

  const countUnsaved = (lamports: bigint): void => {
    unsaved += lamports;
    if (unsaved > mostUnsaved) mostUnsaved = unsaved;
  };

  const commitSoon = (): void => {
    running ??= commitAll();
  };

  const commitAll = async (): Promise<void> => {
    // What comes in this turn shares the first commit.
    await Promise.resolve();
    try {
      while (changed.size + metered.size + closing.length > 0) await commitParts(takeParts());
    } finally {
      // In the turn that found nothing, so that what comes in the next begins anew.
      running = undefined;
    }
  };

  /** What waits, up to what one transaction takes. */
  const takeParts = (): readonly Part[] => {
    const meters = [...metered].slice(0, MAX_CHARGES);
    for (const holding of meters) metered.delete(holding);
    const pockets = [...changed].map((pocket): Part => {
      const { asking } = pocket;
      const { givenBack, needed } = changeOf(pocket);
      pocket.asking = undefined;
      pocket.givenBack = 0n;
      return { kind: 'pocket', pocket, asking, givenBack, needed };
    });
    changed.clear();
    return [
      ...closing.splice(0, MAX_CHARGES),
      ...meters.flatMap((holding): Part[] => {
        const charge = openCharge(holding);
        return charge === undefined ? [] : [{ kind: 'meter', holding, charge }];
      }),
      ...pockets,
    ];
  };

  /** Commits parts in one transaction, or, where some of them cannot be stored whatever is tried, those by themselves, later and alone. */
  const commitParts = async (parts: readonly Part[]): Promise<void> => {
    const fault = await commitTogether(parts);
    const [only, ...others] = parts;
    if (fault === undefined || only === undefined) return;
    if (others.length === 0) {
      setAside(only, fault.cause);
      return;
    }
    const half = Math.ceil(parts.length / 2);
    await commitParts(parts.slice(0, half));
    await commitParts(parts.slice(half));
  };

  /** Tries until the parts are stored or given up; otherwise says why one of them is at fault. */
  const commitTogether = async (together: readonly Part[]): Promise<{ readonly cause: unknown } | undefined> => {
    let parts = together;
    for (let failures = 1; ; failures++) {
      const { batch, touched } = batchOf(parts);
      try {
        const { blockLamports } = options;
        const written = await commitPurse(db, batch, { blockLamports, nowMs: BigInt(clock.nowMs()) });
        unreachable = undefined;
        settle(parts, touched, written);
        return undefined;
      } catch (cause) {
        if (isRowFault(cause)) return { cause };
        if (stopped || isLocked(cause)) {
          giveUp(parts, cause);
          return undefined;
        }
        if (failures === MAX_FAILURES && !isUnreachable(cause)) return { cause };
        for (const part of parts) if (part.kind === 'pocket') part.asking?.answered.reject(refused(cause));
        if (unreachable === undefined)
          log.warn({ err: cause }, 'What requests cost is stored once the database takes it again.');
        unreachable = refused(cause);
        // A commit of which nobody knows whether it arrived is repeated without what it granted.
        parts = parts.map((part) => (part.kind === 'pocket' ? { ...part, asking: undefined, needed: 0n } : part));
        rejectAsking(unreachable);
        await pause(Math.min(RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS));
      }
    }
  };

  const settle = (parts: readonly Part[], touched: readonly Pocket[], written: readonly PocketWritten[]): void => {
    touched.forEach((pocket, at) => {
      const result = written[at];
      if (result !== undefined) pocket.durable = result.durable;
    });
    for (const part of parts) {
      if (part.kind === 'pocket') {
        const result = written[touched.indexOf(part.pocket)];
        if (result === undefined) continue;
        part.pocket.block += result.lamports;
        if (part.needed > 0n)
          part.pocket.short = result.lamports < part.needed ? { atMs: clock.nowMs(), ...result } : undefined;
        part.asking?.answered.resolve();
      } else if (part.kind === 'meter') saved(part.holding, part.charge.usage.lamports);
      else {
        if (part.holding.usage !== undefined) saved(part.holding, part.holding.usage.lamports);
        part.stored.resolve();
      }
    }
  };

  const giveUp = (parts: readonly Part[], cause: unknown): void => {
    for (const part of parts) {
      if (part.kind === 'end') part.stored.reject(cause);
      if (part.kind !== 'pocket') continue;
      part.asking?.answered.reject(refused(cause));
      part.pocket.block += part.givenBack;
    }
    if (!stopped) log.error({ err: cause }, 'What requests cost could not be stored.');
  };

  /** A bill that the tables refuse is tried again alone, ever more seldom, so that it holds up no other; its lamports stay set aside. */
  const setAside = (part: Part, cause: unknown): void => {
    const waitMs = Math.min(2 * (waits.get(part) ?? RETRY_MS), MAX_ASIDE_MS);
    if (part.kind === 'pocket' || stopped) {
      giveUp([part], cause);
      return;
    }
    if (!waits.has(part))
      log.error({ err: cause }, 'What a request cost is refused by the database; it is tried again.');
    waits.set(part, waitMs);
    aside.set(
      part,
      clock.alarm(waitMs, () => void retry(part)),
    );
  };

  const retry = async (part: Part): Promise<void> => {
    aside.delete(part);
    // What was metered meanwhile, or billed, says more.
    if (part.kind === 'meter' && (part.holding.over || metered.has(part.holding))) return;
    while (running !== undefined) await running;
    running = commitParts([part]).finally(() => {
      running = undefined;
      commitSoon();
    });
    await running;
  };

  const saved = (holding: Holding, lamports: bigint): void => {
    unsaved -= lamports - holding.saved;
    holding.saved = lamports;
  };

  /** Nobody waits for an allowance from a database that is away. */
  const rejectAsking = (cause: unknown): void => {
    for (const pocket of changed) {
      pocket.asking?.answered.reject(cause);
      pocket.asking = undefined;
    }
  };

  let wake = (): void => {};
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.alarm(ms, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });

  const askFor = (pocket: Pocket, lamports: bigint): Promise<void> => {
    if (unreachable !== undefined) throw unreachable;
    pocket.asking ??= { lamports: 0n, answered: Promise.withResolvers() };
    pocket.asking.lamports += lamports;
    changed.add(pocket);
    commitSoon();
    return pocket.asking.answered.promise;
  };

  const isShort = ({ short }: Pocket): boolean =>
    short !== undefined && Math.abs(clock.nowMs() - short.atMs) < SHORT_MS;

  const giveBackFrom = (pocket: Pocket): void => {
    const free = freeOf(pocket);
    if (free === 0n || pocket.asking !== undefined) return;
    pocket.block -= free;
    pocket.givenBack += free;
    changed.add(pocket);
  };

  let stopAlarm = (): void => {};
  const watchIdle = (): void => {
    stopAlarm = clock.alarm(options.idleMs, () => {
      const now = clock.nowMs();
      for (const [name, pocket] of pockets) {
        if (Math.abs(now - pocket.usedAtMs) < options.idleMs) continue;
        giveBackFrom(pocket);
        if (pocket.durable === 0n && pocket.held === 0n && pocket.asking === undefined && running === undefined)
          pockets.delete(name);
      }
      commitSoon();
      watchIdle();
    });
  };
  watchIdle();

  const holdOf = (pocket: Pocket, lamports: bigint): Hold => {
    const holding: Holding = { pocket, lamports, request: undefined, usage: undefined, saved: 0n, over: false };
    pocket.held += lamports;
    const end = (): void => {
      holding.over = true;
      metered.delete(holding);
      pocket.held -= lamports;
      pocket.usedAtMs = clock.nowMs();
    };
    const use = (usage: Usage): void => {
      countUnsaved(usage.lamports - (holding.usage?.lamports ?? 0n));
      holding.usage = usage;
    };
    const close = ({ billed, settled, usage }: ChargeEnd & { readonly usage: Usage }): Promise<void> => {
      const { request } = holding;
      if (request === undefined || holding.over) throw new Error('A hold is closed once, and after it was bound.');
      if (billed < 0n || billed > lamports || settled < 0n) throw new RangeError('A bill is within its hold.');
      use({ ...usage, lamports: billed });
      end();
      pocket.block -= billed;
      const stored = Promise.withResolvers<void>();
      closing.push({ kind: 'end', holding, charge: { key: pocket.key, request, usage, billed, settled }, stored });
      commitSoon();
      return stored.promise;
    };
    return {
      lamports,
      bind(request) {
        if (holding.request !== undefined) throw new Error('A hold is for one request.');
        holding.request = request;
      },
      meter(usage) {
        if (holding.request === undefined || holding.over)
          throw new Error('A hold meters once it is bound, until it is over.');
        if (usage.lamports < 0n || usage.lamports > lamports)
          throw new RangeError('What is delivered is within its hold.');
        use(usage);
        metered.add(holding);
        commitSoon();
      },
      close,
      release() {
        if (holding.over) return;
        const { usage } = holding;
        if (usage === undefined) return end();
        close({ billed: usage.lamports, settled: 0n, usage }).catch((err: unknown) =>
          log.error({ err }, 'A request that ended early could not be billed.'),
        );
      },
    };
  };

  return {
    recovered,
    unsaved: () => ({ lamports: unsaved, mostLamports: mostUnsaved }),
    async reserve({ key, least, most }) {
      if (least < 0n || most < least) throw new RangeError('A hold is of least to most lamports.');
      if (stopped) throw new KarmeshError('ABORTED', 'The gateway is ending.');
      const pocket = pocketOf(key);
      pocket.usedAtMs = clock.nowMs();
      // Others may be faster with what was asked for, so it is looked at again.
      while (freeOf(pocket) < most && !isShort(pocket)) await askFor(pocket, most);
      const free = freeOf(pocket);
      const lamports = free < most ? free : most;
      if (lamports < least) throw refusal(pocket, least);
      return holdOf(pocket, lamports);
    },
    async giveBack() {
      for (const pocket of pockets.values()) giveBackFrom(pocket);
      commitSoon();
      await running;
    },
    async [Symbol.asyncDispose]() {
      if (stopped) return;
      stopped = true;
      stopAlarm();
      for (const pocket of pockets.values()) giveBackFrom(pocket);
      commitSoon();
      wake();
      while (running !== undefined) await running;
      for (const [part, cancel] of [...aside]) {
        cancel();
        await retry(part);
      }
    },
  };
}

/** The transaction of some parts. A pocket's allowance changes with the bills that it pays for. */
function batchOf(parts: readonly Part[]): { readonly batch: PurseBatch; readonly touched: readonly Pocket[] } {
  const changes = new Map<Pocket, PocketChange>();
  for (const part of parts) {
    if (part.kind === 'meter') continue;
    const pocket = part.kind === 'end' ? part.holding.pocket : part.pocket;
    const { givenBack, needed } = part.kind === 'end' ? { givenBack: 0n, needed: 0n } : part;
    const change = changes.get(pocket) ?? { key: pocket.key, durable: pocket.durable, givenBack: 0n, needed: 0n };
    changes.set(pocket, { ...change, givenBack: change.givenBack + givenBack, needed: change.needed + needed });
  }
  const batch = {
    pockets: [...changes.values()],
    metered: parts.flatMap((part) => (part.kind === 'meter' ? [part.charge] : [])),
    closed: parts.flatMap((part) => (part.kind === 'end' ? [part.charge] : [])),
  };
  return { batch, touched: [...changes.keys()] };
}

/** What those are told who ask for credit while nothing can be stored. */
function refused(cause: unknown): unknown {
  if (cause instanceof KarmeshError || isLocked(cause)) return cause;
  return new KarmeshError('STORE_UNREACHABLE', 'The database takes no changes at present.', {}, cause);
}

function openCharge({ pocket, request, usage }: Holding): OpenCharge | undefined {
  return request === undefined || usage === undefined ? undefined : { key: pocket.key, request, usage };
}

function refusal({ short, block, held }: Pocket, needed: bigint): KarmeshError {
  const facts = { needed, limit: short?.bound, available: block - held };
  if (short !== undefined && short.headroom >= needed)
    return new KarmeshError('CREDIT_HELD', 'The credit for this request is set aside for others that are under way.', {
      ...facts,
      retryAfterMs: SHORT_MS,
    });
  return new KarmeshError('CREDIT_SHORT', 'There is not enough credit for this request.', facts);
}
