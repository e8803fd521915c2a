import { KarmeshError } from '@karmesh/sdk/errors';
import { type ExactVariant, VARIANT_BITS } from '../file/exactShape.ts';
import type { LayerFormats } from '../file/layerFormats.ts';
import type { MatrixFacts } from './convertMatrix.ts';

/** What a layer's formats follow from. */
export interface LayerFacts {
  /** For errors. */
  readonly layer: number;
  readonly variant: ExactVariant;
  /** e of X-13. */
  readonly attentionNorm: number;
  readonly hiddenNorm: number;
  readonly query: MatrixFacts;
  readonly key: MatrixFacts;
  readonly value: MatrixFacts;
  readonly output: MatrixFacts;
  readonly gate: MatrixFacts;
  readonly up: MatrixFacts;
  readonly down: MatrixFacts;
}

/** Fraction bits of the residual, and of q and k before their rotation. */
const RESIDUAL = 16;
/** Bits of gate and up behind the sign. */
const GATE = 19;

/** Fn of a norm with exponent e. */
export function normFormat(variant: ExactVariant, exponent: number): number {
  return VARIANT_BITS[variant].norm - 1 - exponent;
}

/** a layer's formats. Throws `MODEL_INVALID` if its weights leave too few bits. */
export function layerFormatsOf(facts: LayerFacts): LayerFormats {
  const { layer, variant } = facts;
  const attention = VARIANT_BITS[variant].attention - 1;
  const formats: LayerFormats = {
    attentionNorm: normFormat(variant, facts.attentionNorm),
    query: attention - facts.query.exponent,
    key: attention - facts.key.exponent,
    value: attention - facts.value.exponent,
    hiddenNorm: normFormat(variant, facts.hiddenNorm),
    gate: GATE - facts.gate.exponent,
    up: GATE - facts.up.exponent,
    hidden: Math.min(14, 29 - facts.gate.exponent - facts.up.exponent),
  };
  const { query, key, gate, up } = formats;
  if (gate < 1 || up < 1 || query + key < 12)
    throw new KarmeshError('MODEL_INVALID', 'The model has a layer whose weights are too large for exact arithmetic.', {
      layer,
      variant,
      query,
      key,
      gate,
      up,
    });
  const uses: readonly (readonly [matrix: string, { readonly leastShift: number }, input: number, output: number])[] = [
    ['query', facts.query, formats.attentionNorm, RESIDUAL],
    ['key', facts.key, formats.attentionNorm, RESIDUAL],
    ['value', facts.value, formats.attentionNorm, formats.value],
    ['output', facts.output, formats.value, RESIDUAL],
    ['gate', facts.gate, formats.hiddenNorm, formats.gate],
    ['up', facts.up, formats.hiddenNorm, formats.up],
    ['down', facts.down, formats.hidden, RESIDUAL],
  ];
  for (const [matrix, { leastShift }, input, output] of uses)
    refuseLeftShift({ where: `${matrix} of layer ${layer}`, leastShift, input, output });
  return formats;
}

/** no row that is not zero is shifted to the left by X-22. */
export function refuseLeftShift(use: {
  readonly where: string;
  readonly leastShift: number;
  readonly input: number;
  readonly output: number;
}): void {
  if (use.leastShift + use.input - use.output < 0)
    throw new KarmeshError('MODEL_INVALID', 'The model has a matrix whose scales are too large for exact arithmetic.', {
      matrix: use.where,
      shift: use.leastShift,
      inputBits: use.input,
      outputBits: use.output,
    });
}
