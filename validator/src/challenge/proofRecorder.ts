import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { modelKeyTree } from '@karmesh/node/models';
import {
  type Decoded,
  type Domain,
  decode,
  encode,
  equalBytes,
  fixedBytes,
  hashCodec,
  isRecorded,
  signalBytes,
  struct,
  toHex,
  u32,
  u64,
  vector,
} from '@karmesh/sdk/protocol';
import { acquireLockFile, type Logger, storeError, writeFileAtomic } from '@karmesh/sdk/runtime';
import type { ProofLedger, RecordPlace } from '../chain/proofLedger.ts';
import type { KnownKeys } from './challengeJudge.ts';

const MAX_SIGNALS = 8;
const MAX_STATEMENTS = 4096;

/** What is to be recorded of a token. */
const recordingCodec = struct({
  modelId: hashCodec,
  keysRoot: hashCodec,
  keyCount: u32,
  epoch: u64,
  entryHash: hashCodec,
  position: u32,
  statements: vector(
    struct({ operator: u32, signals: vector(fixedBytes(32), MAX_SIGNALS), proof: fixedBytes(256) }),
    MAX_STATEMENTS,
  ),
});
type Recording = Decoded<typeof recordingCodec>;

/** What a validator found proven. */
export interface ProvenToken extends Omit<Recording, 'statements' | 'keyCount'> {
  readonly statements: readonly {
    readonly operator: number;
    readonly signals: readonly bigint[];
    readonly proof: Uint8Array;
  }[];
}

/** Has the chain check and keep what was proven to this validator (Z-43), and takes the rent of records back when they are old (P-26). */
export interface ProofRecorder {
  /**
   * Resolves once it is on disk; it is sent in the background, and again after a restart. What comes while this validator has as many records as it may is
   * left out: a record says more of an answer, and nothing depends on it.
   */
  add(proven: ProvenToken): Promise<void>;
}

export interface ProofRecorderOptions {
  /** Where recordings lie until their records are taken back. */
  readonly folder: string;
  /** Records at once, each with its rent and the fees of its statements. */
  readonly maxRecords: number;
  /** Epochs that a record stays on chain behind that of its answer, 1,024 unless told. */
  readonly keptEpochs?: bigint;
  /** Transactions at once, 4 unless told. */
  readonly concurrency?: number;
  /** Milliseconds between two looks at what is due, 1,000 unless told. */
  readonly everyMs?: number;
  /** Milliseconds until what failed is tried again, doubled with each fault, 5,000 unless told. */
  readonly retryMs?: number;
}

const MOST_RETRY_MS = 300_000;
/** Of the file of a recording that stands on chain. */
const RECORDED = '.recorded';

interface Held {
  readonly recording: Recording;
  /** Whether all of it stands on chain. */
  isRecorded: boolean;
  failures: number;
  dueMs: number;
}

/** Opens the recorder and goes on with what waits. Throws `STORE_LOCKED`, `STORE_FAILED`. The caller disposes it. */
export const proofRecorder =
  (options: ProofRecorderOptions) =>
  async (parts: {
    readonly domain: Domain;
    readonly keys: readonly KnownKeys[];
    readonly ledger: Pick<ProofLedger, 'recorded' | 'register' | 'record' | 'close'>;
    readonly lastFinalisedEpoch: () => bigint | undefined;
    readonly nowMs: () => number;
    readonly sleep: (ms: number, options: { readonly signal: AbortSignal }) => Promise<void>;
    readonly log: Pick<Logger, 'info' | 'warn'>;
  }): Promise<ProofRecorder & AsyncDisposable> => {
    const { folder, maxRecords, keptEpochs = 1_024n, concurrency = 4, everyMs = 1_000, retryMs = 5_000 } = options;
    const { domain, ledger, log } = parts;
    const stop = new AbortController();
    const { signal } = stop;
    const held = new Map<string, Held>();
    const hold = (recording: Recording, isRecorded: boolean): void =>
      void held.set(toHex(recording.entryHash), { recording, isRecorded, failures: 0, dueMs: 0 });
    await using stack = new AsyncDisposableStack();
    // Before anything is sent: two validators on one folder would record the same.
    stack.use(await acquireLockFile(join(folder, 'lock')));
    try {
      for (const name of await readdir(folder))
        if (/^[0-9a-f]{64}(\.recorded)?$/.test(name))
          hold(decode(recordingCodec, await readFile(join(folder, name))), name.endsWith(RECORDED));
    } catch (cause) {
      throw storeError(folder, cause);
    }

    const knownOf = ({ keysRoot }: Pick<Recording, 'keysRoot'>): KnownKeys | undefined =>
      parts.keys.find((one) => equalBytes(one.keysRoot, keysRoot));
    const placeOf = ({ modelId, keysRoot, keyCount, ...place }: Recording): RecordPlace => ({
      ...place,
      keys: { modelId, keysRoot, keyCount },
    });

    async function send(recording: Recording, known: KnownKeys): Promise<void> {
      const place = placeOf(recording);
      const { keys } = place;
      const tree = modelKeyTree(domain, known);
      const recorded = await ledger.recorded(place, { signal });
      const waiting = recording.statements
        .map(({ operator, signals, proof }) => ({ operator, proof, signals: signals.map(signalOf) }))
        .filter((statement) => !isRecorded(recorded, statement));
      // The record is made by its first statement, and two at once would both want to make it.
      const first = recorded.length === 0 ? waiting.splice(0, 1) : [];
      const one = async ({ operator, signals, proof }: (typeof waiting)[number]): Promise<void> => {
        const key = known.keys[operator];
        if (key === undefined) return;
        await ledger.register({ keys, operator, ...key, path: tree.path(operator) }, { signal });
        await ledger.record({ ...place, operator, signals, proof }, { signal });
      };
      for (const statement of first) await one(statement);
      const lane = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          try {
            await one(next);
          } catch (error) {
            // The others end with what they have in hand.
            waiting.length = 0;
            throw error;
          }
        }
      };
      const ended = await Promise.allSettled(Array.from({ length: concurrency }, lane));
      for (const each of ended) if (each.status === 'rejected') throw each.reason;
    }

    const isOld = ({ epoch }: Recording): boolean => epoch + keptEpochs < (parts.lastFinalisedEpoch() ?? 0n);

    /** One step of a recording: onto the chain, or off it again. */
    async function advance(name: string, one: Held): Promise<void> {
      const { recording } = one;
      const about = { entry: name, operators: recording.statements.length };
      const path = join(folder, name);
      const known = knownOf(recording);
      if (isOld(recording)) {
        // Also under keys that this validator does not know any more.
        await ledger.close(placeOf(recording), { signal });
        await rm(path + (one.isRecorded ? RECORDED : ''), { force: true });
        held.delete(name);
        if (one.isRecorded) log.info(about, 'The record of what was proven is old: its rent is taken back.');
        else log.warn(about, 'What was proven is too old to be recorded any more.');
      } else if (known !== undefined) {
        await send(recording, known);
        await rename(path, path + RECORDED);
        one.isRecorded = true;
        log.info(about, 'What was proven is recorded on chain.');
      }
    }

    async function run(): Promise<void> {
      while (!signal.aborted) {
        for (const [name, one] of held) {
          const { recording, failures, dueMs } = one;
          if (signal.aborted || dueMs > parts.nowMs() || (one.isRecorded && !isOld(recording))) continue;
          try {
            await advance(name, one);
            one.failures = 0;
          } catch (err) {
            if (signal.aborted) return;
            one.failures++;
            one.dueMs = parts.nowMs() + Math.min(MOST_RETRY_MS, retryMs * 2 ** failures);
            log.warn({ err, entry: name }, 'What was proven could not be recorded, or its record not be closed, yet.');
          }
        }
        await parts.sleep(everyMs, { signal });
      }
    }
    const running = run();

    const owned = stack.move();
    return {
      async add({ statements, ...place }) {
        const name = toHex(place.entryHash);
        if (held.has(name)) return;
        if (held.size >= maxRecords) {
          log.warn({ entry: name, maxRecords }, 'What was proven is not recorded: as many records stand as may.');
          return;
        }
        const known = knownOf(place);
        if (known === undefined) return;
        const recording: Recording = {
          ...place,
          keyCount: known.keyCount,
          statements: statements.map(({ operator, signals, proof }) => ({
            operator,
            proof,
            signals: signals.map(signalBytes),
          })),
        };
        await writeFileAtomic({ path: join(folder, name), bytes: encode(recordingCodec, recording) });
        hold(recording, false);
      },
      async [Symbol.asyncDispose]() {
        stop.abort();
        await running;
        await owned.disposeAsync();
      },
    };
  };

function signalOf(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
}
