import { KarmeshError } from '@karmesh/sdk/errors';
import { type ExactVariant, VARIANT_BITS } from './exactShape.ts';

/** the fraction bits of a layer's tensors, in the order of the file. */
export interface LayerFormats {
  /** Fn of the norm before attention. */
  readonly attentionNorm: number;
  /** Fq */
  readonly query: number;
  /** Fk */
  readonly key: number;
  /** Fv, also of attention's output. */
  readonly value: number;
  /** Fn of the norm before the feed-forward network. */
  readonly hiddenNorm: number;
  /** Fg */
  readonly gate: number;
  /** Fu */
  readonly up: number;
  /** Fh */
  readonly hidden: number;
}

/** the fraction bits of a whole model. */
export interface ModelFormats {
  readonly layers: readonly LayerFormats[];
  /** Fn of the last norm. */
  readonly final: number;
}

/** eight i32. */
export const LAYER_FORMATS_BYTES = 32;

const ORDER = ['attentionNorm', 'query', 'key', 'value', 'hiddenNorm', 'gate', 'up', 'hidden'] as const;

/** No weights push Fv lower: X-14 stays under 48, since a row's sum is under 2^66 and T at least -5. */
const LEAST_VALUE_FORMAT = -32;

/** a layer's formats from the bytes of their section. Throws `MODEL_INVALID` on those that no conversion gives. */
export function readLayerFormats(section: Uint8Array, variant: ExactVariant): LayerFormats {
  const view = new DataView(section.buffer, section.byteOffset, LAYER_FORMATS_BYTES);
  const at = (name: (typeof ORDER)[number]): number => view.getInt32(4 * ORDER.indexOf(name), true);
  const formats: LayerFormats = {
    attentionNorm: at('attentionNorm'),
    query: at('query'),
    key: at('key'),
    value: at('value'),
    hiddenNorm: at('hiddenNorm'),
    gate: at('gate'),
    up: at('up'),
    hidden: at('hidden'),
  };
  if (!areFormats(formats, variant))
    throw new KarmeshError('MODEL_INVALID', 'The converted model has formats that no conversion gives.', {
      variant,
      ...formats,
    });
  return formats;
}

/** the bytes of a layer's formats. */
export function writeLayerFormats(formats: LayerFormats): Uint8Array {
  const bytes = new Uint8Array(LAYER_FORMATS_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, name] of ORDER.entries()) view.setInt32(4 * i, formats[name], true);
  return bytes;
}

/** whether a norm's output can have so many fraction bits, since D x W^2 is under 2^57. */
export function isNormFormat(format: number, variant: ExactVariant): boolean {
  const { norm } = VARIANT_BITS[variant];
  return format >= norm - 16 && format < norm;
}

function areFormats(formats: LayerFormats, variant: ExactVariant): boolean {
  const { attentionNorm, query, key, value, hiddenNorm, gate, up, hidden } = formats;
  const { attention } = VARIANT_BITS[variant];
  return (
    isNormFormat(attentionNorm, variant) &&
    isNormFormat(hiddenNorm, variant) &&
    [query, key, value].every((format) => format < attention) &&
    value >= LEAST_VALUE_FORMAT &&
    //
    query + key >= 12 &&
    [gate, up].every((format) => format >= 1 && format < 20) &&
    hidden === Math.min(14, gate + up - 9)
  );
}
