import type { CommitTensor } from '@karmesh/circuits/commitment';
import type { Sha256 } from '@karmesh/sdk/protocol';
import type { PositionMeasurement } from '../../engine.ts';
import { type Run, runner } from '../run/runner.ts';
import type { KernelVariant } from '../stages/kernels.ts';
import type { LoadedStages } from '../stages/openStages.ts';
import { traceModelOf } from '../trace/traceModel.ts';
import { errorToParts } from './errorParts.ts';
import type { EngineSettings, FromThread, ToThread } from './threadMessages.ts';

export interface ThreadHostParts {
  readonly loaded: LoadedStages;
  readonly kernels: KernelVariant;
  readonly sha256: Sha256;
  readonly commit?: CommitTensor;
  readonly send: (message: FromThread) => void;
}

/** A model's end of the messages between it and who asks of it. */
export interface ThreadHost {
  handle(message: ToThread): void;
  /** Computes one batch. False if there was nothing to do, or if it is closing. */
  step(): boolean;
  /** Whether `close` has come. */
  isClosing(): boolean;
}

/** A stream may be ahead of its reader by so many tokens. */
const AHEAD = 32;

/** Serves runs over messages, and says that it is ready. Who calls it decides when a step is computed, so that messages come in between. */
export function threadHost(
  settings: EngineSettings,
  { loaded, kernels, sha256, commit, send }: ThreadHostParts,
): ThreadHost {
  const traceModel = traceModelOf(loaded.model);
  const engine = runner(
    { ...settings, endTokens: new Set(settings.endTokens), ahead: AHEAD },
    { stages: loaded.stages, traceModel, sha256, commit },
  );
  const runs = new Map<number, Run>();
  let isClosing = false;

  const handle: ThreadHost['handle'] = (message) => {
    switch (message.kind) {
      case 'start': {
        const { run } = message;
        const events = {
          onToken: (token: number) => send({ kind: 'token', run, token }),
          onPosition: (position: PositionMeasurement) => send({ kind: 'position', run, position }),
          onEnd: () => send({ kind: 'end', run }),
          onFault: (error: unknown) => send({ kind: 'fault', run, error: errorToParts(error) }),
        };
        try {
          runs.set(run, engine.start(message.request, events));
        } catch (error) {
          events.onFault(error);
        }
        return;
      }
      case 'acknowledge':
        runs.get(message.run)?.acknowledge(message.tokens);
        return;
      case 'finish': {
        const { run, outputTokens, wantsLeaves } = message;
        const result = runs.get(run)?.finish(outputTokens);
        runs.delete(run);
        if (result === undefined) return;
        const { traceRoot, positions, opened, recorder } = result;
        const leaves = wantsLeaves ? recorder.leaves(positions) : undefined;
        send({ kind: 'finished', run, traceRoot, positions, leaves, opened });
        return;
      }
      case 'cancel':
        runs.get(message.run)?.cancel();
        runs.delete(message.run);
        return;
      case 'close':
        isClosing = true;
    }
  };

  const memoryBytes = loaded.stages.reduce((sum, { stage }) => sum + stage.memoryBytes(), 0);
  send({ kind: 'ready', memoryBytes, traceModel, kernels });
  return { handle, step: () => !isClosing && engine.step(), isClosing: () => isClosing };
}
