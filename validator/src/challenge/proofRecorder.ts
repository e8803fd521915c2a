import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
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
import { type Logger, storeError, writeFileAtomic } from '@karmesh/sdk/runtime';
import type { ProofLedger } from '../chain/proofLedger.ts';
import type { KnownKeys } from './challengeJudge.ts';

const MAX_SIGNALS = 8;
const MAX_STATEMENTS = 4096;

/** What is to be recorded of a token. */
const recordingCodec = struct({
  modelId: hashCodec,
  keysRoot: hashCodec,
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
export interface ProvenToken extends Omit<Recording, 'statements'> {
  readonly statements: readonly {
    readonly operator: number;
    readonly signals: readonly bigint[];
    readonly proof: Uint8Array;
  }[];
}

/** Has the chain check and keep what was proven to this validator (Z-43). */
export interface ProofRecorder {
  /** Resolves once it is on disk; it is sent in the background, and again after a restart. */
  add(proven: ProvenToken): Promise<void>;
}

export interface ProofRecorderOptions {
  /** Where recordings wait. */
  readonly folder: string;
  /** Transactions at once, 4 unless told. */
  readonly concurrency?: number;
  /** Milliseconds until a recording that failed is tried again, 5,000 unless told. */
  readonly retryMs?: number;
}

/** Opens the recorder and goes on with what waits. Throws `STORE_FAILED`. The caller disposes it. */
export const proofRecorder =
  ({ folder, concurrency = 4, retryMs = 5_000 }: ProofRecorderOptions) =>
  async (parts: {
    readonly domain: Domain;
    readonly keys: readonly KnownKeys[];
    readonly ledger: ProofLedger;
    readonly sleep: (ms: number, options: { readonly signal: AbortSignal }) => Promise<void>;
    readonly log: Pick<Logger, 'info' | 'warn'>;
  }): Promise<ProofRecorder & AsyncDisposable> => {
    const { domain, ledger, log } = parts;
    const stop = new AbortController();
    const { signal } = stop;
    const running = new Set<Promise<void>>();
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw storeError(folder, cause);
    }

    async function send(recording: Recording): Promise<void> {
      const { modelId, keysRoot, epoch, entryHash, position } = recording;
      const known = parts.keys.find((one) => equalBytes(one.keysRoot, keysRoot));
      if (known === undefined) return;
      const keys = { modelId, keysRoot, keyCount: known.keyCount };
      const tree = modelKeyTree(domain, known);
      const place = { keys, epoch, entryHash, position };
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
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await one(next);
      };
      await Promise.all(Array.from({ length: concurrency }, lane));
    }

    function start(recording: Recording, path: string): void {
      const about = { entry: toHex(recording.entryHash), operators: recording.statements.length };
      const work = async (): Promise<void> => {
        while (!signal.aborted) {
          try {
            await send(recording);
            await rm(path, { force: true });
            log.info(about, 'What was proven is recorded on chain.');
            return;
          } catch (err) {
            if (signal.aborted) return;
            log.warn({ err, ...about }, 'What was proven could not be recorded yet.');
            await parts.sleep(retryMs, { signal });
          }
        }
      };
      const done = work();
      running.add(done);
      done.finally(() => running.delete(done));
    }

    for (const name of await readdir(folder)) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue;
      const path = join(folder, name);
      start(decode(recordingCodec, await readFile(path)), path);
    }
    return {
      async add({ statements, ...place }) {
        const recording: Recording = {
          ...place,
          statements: statements.map(({ operator, signals, proof }) => ({
            operator,
            proof,
            signals: signals.map(signalBytes),
          })),
        };
        const path = join(folder, toHex(place.entryHash));
        await writeFileAtomic({ path, bytes: encode(recordingCodec, recording) });
        start(recording, path);
      },
      async [Symbol.asyncDispose]() {
        stop.abort();
        await Promise.allSettled([...running]);
      },
    };
  };

function signalOf(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
}
