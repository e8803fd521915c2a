import type { TraceModel } from '@karmesh/sdk/protocol';
import type { ExactModel } from '../file/exactModel.ts';

/** What the layout of a model's traces depends on. */
export function traceModelOf({ variant, layout: { shape } }: Pick<ExactModel, 'variant' | 'layout'>): TraceModel {
  return {
    layers: shape.layers,
    width: shape.width,
    queryWidth: shape.heads * shape.headSize,
    keyWidth: shape.keyHeads * shape.headSize,
    hidden: shape.hidden,
    vocabulary: shape.vocabulary,
    variant,
  };
}
