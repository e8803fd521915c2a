import type { Engine, GenerateResult } from '../../../node/src/engines/engine.ts';

/** Turns an answer's tokens into others of the same number: a lie that all who tell it tell alike. */
export function lieOf(tokens: readonly number[]): readonly number[] {
  return tokens.map((token) => (token + 1) % 256);
}

/** The honest engine with an answer that the model never gave. */
export function lyingEngine(honest: Engine): Engine {
  return {
    describe: () => honest.describe(),
    applyTemplate: (messages) => honest.applyTemplate(messages),
    replay: (options, control) => honest.replay(options, control),
    async generate(options, control) {
      const lie = (answer: GenerateResult): GenerateResult => ({
        ...answer,
        outputTokens: lieOf(answer.outputTokens),
        text: 'It is not so.',
        cutTo: async (...cut) => lie(await answer.cutTo(...cut)),
      });
      const { onTokens: _, ...rest } = control ?? {};
      return lie(await honest.generate(options, rest));
    },
    [Symbol.asyncDispose]: () => honest[Symbol.asyncDispose](),
  };
}
