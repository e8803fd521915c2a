import type { Clock } from '@karmesh/sdk/clock';
import type { AccessAnswer } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { type AccessFiles, type AskedAccess, MAX_LISTED, type ParticipantName } from './accessFiles.ts';

export interface AccessGateParts {
  readonly files: AccessFiles;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'error'>;
}

/** Which gateways a worker that is not open to all works for. */
export interface AccessGate extends AsyncDisposable {
  isGranted(gateway: ParticipantName): boolean;
  /** W-20: what a registered gateway is told that asks for access; who is new is remembered for the operator before that. */
  ask(gateway: ParticipantName): Promise<AccessAnswer>;
  /** Reads the operator's list again if it was written since. */
  look(): Promise<void>;
}

const LOOK_EVERY_MS = 1_000;

/** Opens the gate with what was granted before. Throws `STORE_FAILED` for a damaged list. */
export async function openAccessGate({ files, clock, log }: AccessGateParts): Promise<AccessGate> {
  let stamp = await files.grantedStamp();
  let granted: ReadonlySet<ParticipantName> = new Set(await files.granted());
  let asked: readonly AskedAccess[] = await files.asked();
  let writing: Promise<void> = Promise.resolve();
  let silence = (): void => {};

  const look = async (): Promise<void> => {
    const now = await files.grantedStamp();
    if (now === stamp) return;
    stamp = now;
    try {
      granted = new Set(await files.granted());
      log.info({ granted: granted.size }, 'The access list was read again.');
    } catch (err) {
      // Who was granted stays so: a slip of the operator's pen is no revocation.
      log.error({ err }, 'The access list cannot be read; the one before it holds.');
    }
  };
  const lookLater = (): void => {
    silence = clock.alarm(LOOK_EVERY_MS, () => {
      lookLater();
      void look();
    });
  };
  lookLater();

  return {
    isGranted: (gateway) => granted.has(gateway),
    async ask(gateway) {
      await look();
      if (granted.has(gateway)) return 'granted';
      if (asked.some(({ participant }) => participant === gateway)) return 'waiting';
      const open = asked.filter(({ participant }) => !granted.has(participant));
      if (open.length >= MAX_LISTED) return 'full';
      const next = [...open, { participant: gateway, atMs: clock.nowMs() }];
      asked = next;
      writing = writing.catch(() => undefined).then(() => files.writeAsked(asked));
      try {
        await writing;
      } catch (error) {
        asked = asked.filter(({ participant }) => participant !== gateway);
        throw error;
      }
      log.info({ gateway }, 'A gateway asks for access; `karmesh access grant` lets it in.');
      return 'waiting';
    },
    look,
    async [Symbol.asyncDispose]() {
      silence();
      await writing.catch(() => undefined);
    },
  };
}
