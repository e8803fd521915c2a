import { KarmeshError } from '@karmesh/sdk/errors';

/** in which widths a model's activations are held. */
export type ExactVariant = 'narrow' | 'wide';

/** bits of what differs between the variants, sign included. */
export const VARIANT_BITS: Readonly<Record<ExactVariant, { readonly norm: number; readonly attention: number }>> = {
  narrow: { norm: 16, attention: 16 },
  wide: { norm: 24, attention: 20 },
};

/** a model's counts. The letters are those of docs/exact-arithmetic.md. */
export interface ExactShape {
  /** D: values of a residual. */
  readonly width: number;
  /** L */
  readonly layers: number;
  /** H: query heads. */
  readonly heads: number;
  /** G: key and value heads. */
  readonly keyHeads: number;
  /** hd: values of a head. */
  readonly headSize: number;
  /** M: values of the feed-forward network's hidden vector. */
  readonly hidden: number;
  /** V: tokens. */
  readonly vocabulary: number;
  /** C: positions. */
  readonly context: number;
  /** The values of a head that RoPE turns together: (2i, 2i+1) or (i, i + hd/2). */
  readonly pairs: 'neighbours' | 'halves';
  /** The head's matrix is the embedding. */
  readonly tied: boolean;
  /** q, k and v have biases. */
  readonly biases: boolean;
}

/** what each count may be. */
const LIMITS: readonly (readonly [
  name: string,
  of: (shape: ExactShape) => number,
  most: number,
  multipleOf: number,
])[] = [
  ['width', ({ width }) => width, 8192, 32],
  ['layers', ({ layers }) => layers, 256, 1],
  ['headSize', ({ headSize }) => headSize, 256, 16],
  ['heads', ({ heads }) => heads, 8192, 1],
  ['keyHeads', ({ keyHeads }) => keyHeads, 8192, 1],
  ['heads x headSize', ({ heads, headSize }) => heads * headSize, 8192, 32],
  ['hidden', ({ hidden }) => hidden, 32_768, 32],
  ['vocabulary', ({ vocabulary }) => vocabulary, 2 ** 20, 1],
  ['context', ({ context }) => context, 131_072, 1],
];

/** throws `MODEL_INVALID` unless exact arithmetic is defined for such a model. */
export function checkShape(shape: ExactShape): void {
  for (const [name, of, most, multipleOf] of LIMITS) {
    const value = of(shape);
    if (!Number.isInteger(value) || value < 1 || value > most || value % multipleOf !== 0)
      throw new KarmeshError('MODEL_INVALID', 'The model has a shape that exact arithmetic is not defined for.', {
        what: name,
        value,
        most,
        multipleOf,
      });
  }
  const { heads, keyHeads } = shape;
  if (heads % keyHeads !== 0)
    throw new KarmeshError('MODEL_INVALID', 'The model’s key heads do not divide its query heads.', {
      heads,
      keyHeads,
    });
}
