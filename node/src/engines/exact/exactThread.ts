import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { PositionMeasurement } from '../engine.ts';
import { errorToParts } from './errorParts.ts';
import { loadStages } from './loadStages.ts';
import { nodeHash } from './nodeHash.ts';
import { type Run, runner } from './runner.ts';
import type { FromThread, ThreadSettings, ToThread } from './threadMessages.ts';
import { traceModelOf } from './traceModel.ts';

/** The thread that runs a model, so that the network's thread never waits for arithmetic. */
const port = parentPort as MessagePort;
const settings = workerData as ThreadSettings;
/** A stream may be ahead of its reader by so many tokens. */
const AHEAD = 32;

const send = (message: FromThread): void => port.postMessage(message);

try {
  const loaded = await loadStages(settings);
  const traceModel = traceModelOf(loaded.model);
  const engine = runner(
    { ...settings, endTokens: new Set(settings.endTokens), ahead: AHEAD },
    { stages: loaded.stages, traceModel, sha256: nodeHash },
  );
  const runs = new Map<number, Run>();
  let isClosing = false;

  const handle = (message: ToThread): void => {
    switch (message.kind) {
      case 'start': {
        const { run } = message;
        const events = {
          onToken: (token: number) => send({ kind: 'token', run, token }),
          onPosition: (position: PositionMeasurement) => send({ kind: 'position', run, position }),
          onEnd: () => send({ kind: 'end', run }),
          onFault: (error: unknown) => send({ kind: 'fault', run, error: errorToParts(error) }),
        };
        runs.set(run, engine.start(message.request, events));
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

  const work = (): void => {
    do {
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
        handle(next.message);
    } while (!isClosing && engine.step());
    if (!isClosing) return;
    void loaded[Symbol.asyncDispose]().then(() => port.close());
  };
  port.on('message', (message: ToThread) => {
    handle(message);
    work();
  });
  const memoryBytes = loaded.stages.reduce((sum, { stage }) => sum + stage.memoryBytes(), 0);
  send({ kind: 'ready', memoryBytes, traceModel });
} catch (error) {
  send({ kind: 'failed', error: errorToParts(error) });
}
