import type { Signer } from '@karmesh/sdk';
import type { Clock } from '@karmesh/sdk/clock';
import { formatNote, readCheckpoint, type SignedNote, signCheckpoint } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { pause } from '../pause.ts';
import type { LogAppender } from './appendEvents.ts';
import type { AskCosigners } from './askCosigners.ts';
import { lastCheckpoint, putCheckpoint, type StoredLog } from './logStore.ts';

export type SignCheckpointsOptions = {
  /** Milliseconds between two checkpoints at least. */
  readonly intervalMs: number;
};

export type SignCheckpointsParts = StoredLog & {
  readonly origin: string;
  readonly signer: Signer;
  readonly appender: Pick<LogAppender, 'tip'>;
  readonly cosigners: AskCosigners;
  readonly clock: Pick<Clock, 'alarm'>;
  readonly log: Pick<Logger, 'error'>;
};

export type Checkpoints = AsyncDisposable & {
  /** The newest that validators have been asked about; undefined before the first. */
  newest(): { readonly note: string; readonly size: number } | undefined;
};

/**
 * Signs a checkpoint once an interval if the log has grown. Order: the leaves are on disk, the checkpoint is signed and stored, validators
 * are asked, and then it is served with their cosignatures: nobody has seen what a crash could take back.
 */
export const signCheckpoints =
  ({ intervalMs }: SignCheckpointsOptions) =>
  async (parts: SignCheckpointsParts): Promise<Checkpoints> => {
    const stopped = new AbortController();
    const { signal } = stopped;
    let newest = parse(await lastCheckpoint(parts));

    const store = async (note: SignedNote, size: number): Promise<string> => {
      const text = formatNote(note);
      await putCheckpoint(parts, { size, note: text });
      return text;
    };

    const signOne = async (): Promise<void> => {
      const { size, root } = parts.appender.tip();
      if (size === (newest?.size ?? 0)) return;
      const note = signCheckpoint(parts.signer, { origin: parts.origin, size, root });
      await store(note, size);
      const cosignatures = await parts.cosigners.ask({ note, size }, { signal });
      const cosigned = { ...note, signatures: [...note.signatures, ...cosignatures] };
      newest = { note: await store(cosigned, size), size };
    };

    const run = async (): Promise<void> => {
      while (!signal.aborted) {
        try {
          await signOne();
        } catch (err) {
          if (!signal.aborted)
            parts.log.error({ err }, 'A checkpoint of the log could not be signed; it is tried again.');
        }
        await pause(parts.clock, { ms: intervalMs, signal });
      }
    };

    const running = run();
    return {
      newest: () => newest,
      async [Symbol.asyncDispose]() {
        stopped.abort();
        await running;
      },
    };
  };

function parse(note: string | undefined): { readonly note: string; readonly size: number } | undefined {
  const read = note === undefined ? undefined : readCheckpoint(note);
  return note === undefined || read === undefined ? undefined : { note, size: read.checkpoint.size };
}
