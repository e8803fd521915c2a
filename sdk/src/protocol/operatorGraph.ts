/** The operators of a layer in the order in which they run, each named for the tensor that it gives. */
export const LAYER_OPERATORS = [
  'attentionNorm',
  'q',
  'k',
  'v',
  'attention',
  'residualBehindAttention',
  'feedForwardNorm',
  'gate',
  'up',
  'hidden',
  'residual',
] as const;

export type TensorName = 'embedding' | (typeof LAYER_OPERATORS)[number] | 'finalNorm' | 'logits';

/** A tensor of the trace by its name and place. */
export interface TensorPlace {
  readonly name: TensorName;
  readonly layer: number | undefined;
  readonly position: number;
}

/** A tensor’s name among those of one run. */
export function tensorKey({ name, layer, position }: TensorPlace): string {
  return `${name} ${layer ?? ''} ${position}`;
}

/** Z-40: how many operators with a circuit a model has, and which one has a number. */
export function operatorCount(layers: number): number {
  return layers * LAYER_OPERATORS.length + 2;
}

/** Z-44: how many leaves stand under a model's keysRoot: its operators' keys, and its facts behind them. */
export function keyCountOf({ layers }: { readonly layers: number }): number {
  return operatorCount(layers) + 1;
}

/** Z-40: the operator of a number below `operatorCount(layers)`. */
export function operatorOf(operator: number, layers: number): Pick<TensorPlace, 'name' | 'layer'> {
  const layer = Math.floor(operator / LAYER_OPERATORS.length);
  const name = LAYER_OPERATORS[operator % LAYER_OPERATORS.length];
  if (layer < layers && name !== undefined) return { name, layer };
  return { name: operator === layers * LAYER_OPERATORS.length ? 'finalNorm' : 'logits', layer: undefined };
}

/** which tensors the operator behind a leaf of level `operators` reads, in order. */
export function operatorInputs({ name, layer, position }: TensorPlace, layers: number): readonly TensorPlace[] {
  const at = (input: TensorName, of: number | undefined): TensorPlace => ({ name: input, layer: of, position });
  const here = (input: TensorName): TensorPlace => at(input, layer);
  const before = layer === 0 || layer === undefined ? at('embedding', undefined) : at('residual', layer - 1);
  switch (name) {
    case 'embedding':
      return [];
    case 'attentionNorm':
      return [before];
    case 'q':
    case 'k':
    case 'v':
      return [here('attentionNorm')];
    case 'attention': {
      const past = Array.from({ length: position + 1 }, (_, t) => t);
      return [
        here('q'),
        ...past.map((t): TensorPlace => ({ name: 'k', layer, position: t })),
        ...past.map((t): TensorPlace => ({ name: 'v', layer, position: t })),
      ];
    }
    case 'residualBehindAttention':
      return [here('attention'), before];
    case 'feedForwardNorm':
      return [here('residualBehindAttention')];
    case 'gate':
    case 'up':
      return [here('feedForwardNorm')];
    case 'hidden':
      return [here('gate'), here('up')];
    case 'residual':
      return [here('hidden'), here('residualBehindAttention')];
    case 'finalNorm':
      return [at('residual', layers - 1)];
    case 'logits':
      return [at('finalNorm', undefined)];
  }
}

/** How a person names an operator by its number (Z-40), such as `v of layer 0`. Throws what `operatorOf` throws. */
export function operatorTitle(operator: number, layers: number): string {
  const { name, layer } = operatorOf(operator, layers);
  return layer === undefined ? name : `${name} of layer ${layer}`;
}
