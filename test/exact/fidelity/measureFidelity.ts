import { readFile } from 'node:fs/promises';
import { type ExactLogits, exactLogits } from './exactLogits.ts';
import { floatModel } from './floatModel.ts';
import type { LlamaLogits } from './llamaLogits.ts';
import { highest, type TokenSequence } from './sequences.ts';

/** How near two programs' logits are. */
export interface Agreement {
  /** The share of positions at which the highest logit is the same token's. */
  readonly top: number;
  /** The root of the mean square of all logits' differences, and the largest one. */
  readonly rms: number;
  readonly worst: number;
}

/** A position at which exact arithmetic and llama.cpp have different highest tokens. */
export interface Miss {
  readonly kind: TokenSequence['kind'];
  readonly position: number;
  /** How far the function in floats has our token above llama.cpp's: below zero where it sides with llama.cpp. */
  readonly margin: number;
  /** How far llama.cpp has moved the two tokens' difference from where the function in floats has it. */
  readonly llamaError: number;
}

export interface Fidelity {
  readonly variant: 'narrow' | 'wide';
  /** Those with different tokens before them. */
  readonly positions: number;
  readonly exactToFloat: Agreement;
  readonly exactToLlama: Agreement;
  readonly llamaToFloat: Agreement;
  readonly misses: readonly Miss[];
}

/** Compares exact arithmetic, llama.cpp and the function in floats at every position of some sequences. */
export async function measureFidelity(
  options: {
    readonly modelPath: string;
    readonly cacheFolder: string;
    readonly variant?: 'wide' | undefined;
    readonly sequences: readonly TokenSequence[];
  },
  llama: LlamaLogits,
): Promise<Fidelity> {
  const float = floatModel(await readFile(options.modelPath));
  await using exact: ExactLogits = await exactLogits(options);
  const [exactToFloat, exactToLlama, llamaToFloat] = [agreement(), agreement(), agreement()];
  const misses: Miss[] = [];
  const seen = new Set<string>();
  for (const { kind, tokens } of options.sequences) {
    const ours = exact.logits(tokens);
    const theirs = await llama.logits(tokens);
    const sequence = float.sequence();
    let before = '';
    for (const [position, token] of tokens.entries()) {
      before += ` ${token}`;
      const [e, l, f] = [ours[position], theirs[position], sequence.step(token)];
      if (e === undefined || l === undefined) throw new RangeError('A position has no logits.');
      // Texts that begin alike say the same until they part.
      if (seen.has(before)) continue;
      seen.add(before);
      exactToFloat.add(e, f);
      exactToLlama.add(e, l);
      llamaToFloat.add(l, f);
      const [a, b] = [highest(e), highest(l)];
      const lead = (logits: Float32Array | Float64Array): number => (logits[a] ?? 0) - (logits[b] ?? 0);
      if (a !== b) misses.push({ kind, position, margin: lead(f), llamaError: Math.abs(lead(l) - lead(f)) });
    }
  }
  return {
    variant: exact.variant,
    positions: seen.size,
    exactToFloat: exactToFloat.result(),
    exactToLlama: exactToLlama.result(),
    llamaToFloat: llamaToFloat.result(),
    misses,
  };
}

type Logits = Float32Array | Float64Array;

function agreement(): { add(a: Logits, b: Logits): void; result(): Agreement } {
  let positions = 0;
  let equal = 0;
  let squares = 0;
  let values = 0;
  let worst = 0;
  return {
    add(a, b) {
      positions++;
      if (highest(a) === highest(b)) equal++;
      values += a.length;
      for (let i = 0; i < a.length; i++) {
        const difference = Math.abs((a[i] ?? 0) - (b[i] ?? 0));
        squares += difference * difference;
        if (difference > worst) worst = difference;
      }
    },
    result: () => ({ top: equal / positions, rms: Math.sqrt(squares / values), worst }),
  };
}
