import { createHash } from 'node:crypto';
import { circuitOf, type LayerConstraints, layerConstraints } from '@karmesh/circuits';
import { operatorCount, operatorOf, operatorTitle } from '@karmesh/sdk/protocol';
import type { ExactModel } from '../file/exactModel.ts';
import { type OperatorCircuits, operatorCircuits } from './operatorCircuits.ts';

/** What one key of a model is for. */
export interface KeyLayer {
  /** The operators that it proves, by number (Z-40): those whose constraints are the same, as attention's are where layers have equal formats. */
  readonly operators: readonly number[];
  /** The first of them as a person names it, such as `v of layer 0`. */
  readonly title: string;
  readonly circuit: string;
  /** How many, weights included. */
  readonly constraints: number;
  /** Its key begins with 2^power powers of tau or more. */
  readonly power: number;
  /** Which of its signals is the context. */
  readonly contextIndex: number;
  /** Builds the constraints again: weights of all layers at once are more than memory has. */
  build(): Promise<Pick<LayerConstraints, 'pieces'>>;
}

export interface KeyLayersOptions {
  /** Positions that attention's circuit has room for. */
  readonly positions: number;
  /** Where compiled circuits are kept. */
  readonly folder: string;
}

/** Z-35: the layers of a model that need a key, in the order of their first operators. Circuits that are not in the folder are compiled, seconds each. Throws what `layerConstraints` throws. */
export async function keyLayers(
  model: ExactModel,
  options: KeyLayersOptions,
  { onOperator }: { readonly onOperator?: (operator: number, operators: number) => void } = {},
): Promise<readonly KeyLayer[]> {
  const circuits = await operatorCircuits(model);
  const { layers } = model.layout.shape;
  const operators = operatorCount(layers);
  const found = new Map<string, KeyLayer>();
  for (let operator = 0; operator < operators; operator++) {
    onOperator?.(operator, operators);
    const place = operatorOf(operator, layers);
    const build = () => buildLayer(circuits, place, options);
    const { name, count, signals, pieces } = await build();
    const hash = createHash('sha256');
    for (const piece of pieces()) hash.update(piece);
    const key = hash.digest('hex');
    const known = found.get(key);
    found.set(key, {
      operators: [...(known?.operators ?? []), operator],
      title: known?.title ?? operatorTitle(operator, layers),
      circuit: name,
      constraints: count,
      // snarkjs wants room for the signals and the constant as well.
      power: Math.ceil(Math.log2(count + signals.length + 1)),
      contextIndex: signals.indexOf('context'),
      build: known?.build ?? build,
    });
  }
  return [...found.values()];
}

async function buildLayer(
  circuits: OperatorCircuits,
  place: ReturnType<typeof operatorOf>,
  { positions, folder }: KeyLayersOptions,
): Promise<LayerConstraints & { readonly signals: readonly string[] }> {
  const { shape, weights } = await circuits.of(place, { positions });
  return { ...(await layerConstraints({ shape, weights, folder })), signals: circuitOf(shape).signals };
}
