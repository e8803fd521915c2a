import type { RequestId, Sha256 } from '@karmesh/sdk/protocol';
import type { Kernels, Pointer } from '../stages/kernels.ts';

/** how many of the highest logits take part above temperature 0. */
export const WINDOW = 64;
/** One more than the window, so that a replay sees what stands behind it. */
export const READ_TOP = WINDOW + 1;

/** A token with its logit, 20 fraction bits. */
export interface ExactLogit {
  readonly token: number;
  readonly logit: number;
}

/** Where in which answer a token is chosen; `position` counts output tokens from 0. */
export interface ChoicePlace {
  readonly requestId: RequestId;
  readonly position: number;
  readonly temperatureMicro: number;
}

export interface ChoiceParts {
  readonly kernels: Pick<Kernels, 'noise' | 'scaled'>;
  readonly sha256: Sha256;
}

/** the `wanted` highest logits in order. `scratch` has room for 8 bytes each. */
export function highest(
  { kernels, memory }: { readonly kernels: Pick<Kernels, 'top'>; readonly memory: WebAssembly.Memory },
  options: {
    readonly logits: Pointer;
    readonly vocabulary: number;
    readonly wanted: number;
    readonly scratch: Pointer;
  },
): readonly ExactLogit[] {
  const { logits, vocabulary, wanted, scratch } = options;
  const count = kernels.top(logits, vocabulary, wanted, scratch);
  const tokens = new Uint32Array(memory.buffer, scratch, count);
  const values = new Int32Array(memory.buffer, scratch + 4 * wanted, count);
  return Array.from(tokens, (token, i) => ({ token, logit: values[i] ?? 0 }));
}

/** what a token is judged by: an integer with 20 fraction bits, exact in a double. At temperature 0 its logit. */
export function exactScore(parts: ChoiceParts, place: ChoicePlace, { token, logit }: ExactLogit): number {
  if (place.temperatureMicro === 0) return logit;
  return parts.kernels.scaled(logit, place.temperatureMicro) + exactNoise(parts, place, token);
}

/** */
function exactNoise({ kernels, sha256 }: ChoiceParts, place: ChoicePlace, token: number): number {
  const seed = new Uint8Array(40);
  seed.set(place.requestId);
  const view = new DataView(seed.buffer);
  view.setUint32(32, place.position, true);
  view.setUint32(36, token, true);
  const digest = sha256(seed);
  const out = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  return kernels.noise(out.getUint32(0), out.getUint32(4) >>> 12);
}

/** the token of one place, from the highest logits in order, at least 64 of them unless the vocabulary is smaller. */
export function chooseToken(parts: ChoiceParts, place: ChoicePlace, sorted: readonly ExactLogit[]): number {
  let best: { readonly token: number; readonly score: number } | undefined;
  const window = place.temperatureMicro === 0 ? sorted.slice(0, 1) : sorted.slice(0, WINDOW);
  for (const candidate of window) {
    const score = exactScore(parts, place, candidate);
    if (best === undefined || score > best.score || (score === best.score && candidate.token < best.token))
      best = { token: candidate.token, score };
  }
  if (best === undefined) throw new RangeError('No logits to choose from.');
  return best.token;
}
