import type { Combination, R1csFile } from '../r1cs/r1csFile.ts';
import { constraintSystem } from './determinedWires.ts';
import { toField } from './field.ts';
import type { OpenedShape } from './openShape.ts';

/** A witness that fulfils all constraints of a file. */
export interface FulfilledShape {
  readonly opened: OpenedShape;
  readonly file: R1csFile;
  readonly honest: readonly bigint[];
}

const STEPS = [1n, -1n, 2n ** 128n];

/** The names of wires of which some other value, alone, breaks no constraint: by 1, by a large number, and the other of 0 and 1. */
export function harmlessChanges({ opened, file, honest }: FulfilledShape): readonly string[] {
  const { constraints, constraintsOf } = constraintSystem(file);
  const witness = [...honest];
  const value = (combination: Combination): bigint =>
    combination.reduce((sum, [wire, factor]) => sum + factor * (witness[wire] ?? 0n), 0n);
  // Behind the file's own constraints there are those that name boolean forms.
  const isBroken = (index: number): boolean => {
    const constraint = constraints[index];
    if (constraint === undefined || index >= file.header.constraints) return false;
    return toField(value(constraint.a) * value(constraint.b) - value(constraint.c)) !== 0n;
  };
  const harmless: string[] = [];
  for (let wire = 1; wire < file.header.wires; wire++) {
    const before = honest[wire] ?? 0n;
    for (const other of [...STEPS.map((step) => toField(before + step)), toField(1n - before)]) {
      witness[wire] = other;
      if (other === before || constraintsOf[wire]?.some(isBroken)) continue;
      harmless.push(opened.names.names.get(wire) ?? `wire ${wire}`);
      break;
    }
    witness[wire] = before;
  }
  return harmless;
}
