import process from 'node:process';
import { loadStages } from '../stages/loadStages.ts';
import { type StageRun, stageWorker } from '../stages/stageWorker.ts';
import { errorToParts } from '../thread/errorParts.ts';
import { nodeHash } from '../trace/nodeHash.ts';
import type { FromStage, StageAnswer, StageSettings, ToStage } from './stageMessages.ts';

/** A process that runs a part of a model for the process that started it, and ends with it. */
const send = (message: FromStage): void => {
  process.send?.(message);
};

process.once('message', ({ settings }: Extract<ToStage, { readonly kind: 'load' }>) => {
  serve(settings).then(
    () => send({ kind: 'ready' }),
    (error: unknown) => send({ kind: 'failed', error: errorToParts(error) }),
  );
});
process.once('disconnect', () => process.exit());

async function serve(settings: StageSettings): Promise<void> {
  const { from, to } = settings;
  const loaded = await loadStages({ ...settings, part: { from, to } });
  const worker = stageWorker(settings, { loaded, sha256: nodeHash });
  const runs = new Map<number, StageRun>();

  const runOf = (run: number): StageRun => {
    const found = runs.get(run);
    if (found === undefined) throw new RangeError(`There is no run ${run}.`);
    return found;
  };
  const answer = (message: Exclude<ToStage, { readonly kind: 'load' | 'close' }>): StageAnswer => {
    switch (message.kind) {
      case 'open':
        runs.set(message.run, worker.open(message.request));
        return { kind: 'opened' };
      case 'step': {
        const { frame, chosen } = runOf(message.run).step(message.input);
        return { kind: 'step', frame, chosen };
      }
      case 'leaves':
        return { kind: 'leaves', leaves: runOf(message.run).leaves(message.positions) };
    }
  };
  process.on('message', (message: ToStage) => {
    if (message.kind === 'load') return;
    if (message.kind === 'close') {
      runs.get(message.run)?.close();
      runs.delete(message.run);
      return;
    }
    const { id } = message;
    try {
      send({ kind: 'answer', id, answer: answer(message) });
    } catch (error) {
      send({ kind: 'fault', id, error: errorToParts(error) });
    }
  });
}
