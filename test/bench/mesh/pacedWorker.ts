// A worker of the market whose engine takes as long as another machine's would, and no processor meanwhile: what it can do does not depend on how many
// share this one.
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine } from '../../../node/src/engines/engine.ts';
import { runHostileWorker } from '../../adversary/hostile/hostileWorker.ts';
import { RUN_MS } from './pace.ts';

function paced(engine: Engine): Engine {
  return {
    describe: () => engine.describe(),
    applyTemplate: (messages) => engine.applyTemplate(messages),
    async generate(options, control) {
      const beganMs = performance.now();
      const result = await engine.generate(options, control);
      await pause(RUN_MS - (performance.now() - beganMs), undefined, { signal: control?.signal });
      return result;
    },
    replay: (options, control) => engine.replay(options, control),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

await runHostileWorker({ engine: paced });
