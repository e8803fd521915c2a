// A worker whose words come slowly, as a larger model's do, so that a test can act in the middle of an answer.
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine, TokenPiece } from '../../node/src/engines/engine.ts';
import { runHostileWorker } from '../adversary/hostile/hostileWorker.ts';

const PIECE_MS = 20;

function slow(engine: Engine): Engine {
  return {
    describe: () => engine.describe(),
    applyTemplate: (messages) => engine.applyTemplate(messages),
    async generate(options, control) {
      const pieces: TokenPiece[] = [];
      const signal = control?.signal;
      let given = 0;
      const result = await engine.generate(options, {
        onTokens: (piece) => void pieces.push(piece),
        ...(signal && { signal }),
      });
      for (const piece of pieces) {
        await pause(PIECE_MS, undefined, { signal });
        control?.onTokens?.(piece);
        given += piece.tokens.length;
        if (control?.halt?.at !== undefined && given >= control.halt.at) break;
      }
      return control?.halt?.at === undefined ? result : result.cutTo(control.halt.at, { ...(signal && { signal }) });
    },
    replay: (options, control) => engine.replay(options, control),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

await runHostileWorker({ engine: slow });
