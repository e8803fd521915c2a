import { operatorOf } from '@karmesh/sdk/protocol';

/** How a person names an operator by its number (Z-40), such as `v of layer 0`. */
export function operatorTitle(operator: number, layers: number): string {
  const { name, layer } = operatorOf(operator, layers);
  return layer === undefined ? name : `${name} of layer ${layer}`;
}
