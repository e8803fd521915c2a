import { readFile } from 'node:fs/promises';
import { CircuitsError } from '../errors.ts';
import { appendRows, type Weights } from '../r1cs/appendRows.ts';
import { readR1cs } from '../r1cs/r1csFile.ts';
import { type CompiledShape, compileShape } from '../shapes/compileShape.ts';
import { circuitOf, type Shape } from '../shapes/shape.ts';

export interface LayerConstraintsOptions {
  readonly shape: Shape;
  /** Absent for operators without weights. */
  readonly weights?: Weights | undefined;
  /** Where circuits are kept. What is there already is not compiled again. */
  readonly folder: string;
  readonly onCompile?: (name: string) => void;
}

/** A layer's constraints, which every key of it must have begun with (Z-33). */
export interface LayerConstraints {
  /** The circuit's. */
  readonly name: string;
  readonly compiled: CompiledShape;
  /** How many, rows of weights included. */
  readonly count: number;
  /** The pieces of an .r1cs file, the same bytes everywhere. */
  pieces(): Iterable<Uint8Array>;
}

/** Compiles a layer's circuit, unless that has been done, and appends its weights (Z-10). Throws `COMPILE_FAILED`, `BAD_INPUT`. */
export async function layerConstraints(options: LayerConstraintsOptions): Promise<LayerConstraints> {
  const { shape, weights, folder, onCompile } = options;
  const circuit = circuitOf(shape);
  const { name } = circuit;
  if ((weights === undefined) !== (circuit.open === undefined))
    throw new CircuitsError('BAD_INPUT', 'This circuit and these weights do not belong together.', { name });
  const compiled = await compileShape(circuit, folder, { onCompile: () => onCompile?.(name) });
  const file = readR1cs(await readFile(compiled.r1cs));
  return {
    name,
    compiled,
    count: file.header.constraints + (weights?.rows ?? 0),
    pieces: () => (weights === undefined ? [file.bytes] : appendRows(file, circuit, weights)),
  };
}
