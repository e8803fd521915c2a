import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Logger } from './logger.ts';
import { stageSpans } from './stageSpans.ts';
import { type ReachedStage, STAGE_CHANNEL } from './stages.ts';
import { tracingSettings } from './tracingSettings.ts';

/** Requests in flight, each with a span of its own and one for each worker that is asked. */
const MAX_OPEN = 16_384;

/**
 * Tells an OpenTelemetry collector what this program does, if the standard variables name one. Loads and does nothing otherwise.
 * Disposing of it sends what is left.
 *
 * @throws KarmeshError `CONFIG_INVALID` for a variable that cannot be followed.
 */
export async function openTracing(options: {
  readonly program: ReachedStage['program'];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Pick<Logger, 'warn'>;
}): Promise<AsyncDisposable> {
  const settings = tracingSettings(options.env);
  if (settings === undefined) return { [Symbol.asyncDispose]: async () => {} };
  const { spanExport } = await import('./spanExport.ts');
  const exporting = await spanExport({ ...settings, serviceName: `karmesh-${options.program}` })({ log: options.log });
  const follow = stageSpans({ maxOpen: MAX_OPEN })({
    newSpanId: () => randomBytes(8).toString('hex'),
    emit: exporting.add,
  });
  const listen = (message: unknown): void =>
    follow(message as ReachedStage, performance.timeOrigin + performance.now());
  subscribe(STAGE_CHANNEL, listen);
  return {
    [Symbol.asyncDispose]: async () => {
      unsubscribe(STAGE_CHANNEL, listen);
      await exporting[Symbol.asyncDispose]();
    },
  };
}
