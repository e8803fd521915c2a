import { type ConstraintSystem, determine } from './determinedWires.ts';
import { toField } from './field.ts';
import type { CircuitInputs, OpenedShape } from './openShape.ts';

/**
 * Whether propagation finds that no witness at all has these values: a stronger result than one broken witness. `values` are by the names of
 * signals with wires. False says only that it finds none.
 */
export function hasNoWitness(shape: OpenedShape, system: ConstraintSystem, values: CircuitInputs): boolean {
  const given = new Map<number, bigint>();
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'bigint') given.set(shape.wire(name), toField(value));
    else for (const [i, entry] of value.entries()) given.set(shape.wire(`${name}[${i}]`), toField(entry));
  }
  return determine(system, given).contradiction !== undefined;
}
