/** What is measured: a program that runs one sequence through a model, in this process, without a network. */
export interface Core {
  /** Runs a prompt and takes `tokens` tokens behind it, each the likeliest, past any end of an answer. */
  run(request: CoreRequest): Promise<CoreTimes>;
}

export interface CoreRequest {
  readonly prompt: readonly number[];
  readonly tokens: number;
}

export interface CoreTimes {
  /** From the start to the first token. */
  readonly promptMs: number;
  /** From the first token to the last one. */
  readonly decodeMs: number;
}

/** Tokens of a prompt that says nothing: speed does not depend on it. The first ids of a vocabulary are special ones and left out. */
export function plainPrompt(length: number, vocabulary: number): readonly number[] {
  return Array.from({ length }, (_, i) => 16 + ((i * 7919) % (Math.min(vocabulary, 1024) - 16)));
}
