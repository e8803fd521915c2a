import { readFile } from 'node:fs/promises';
import { witnessOf } from '../prove/snarkjsProver.ts';
import { appendRows, type Weights } from '../r1cs/appendRows.ts';
import { type R1csFile, readR1cs } from '../r1cs/r1csFile.ts';
import { readWitness } from '../r1cs/witnessFile.ts';
import { compileShape } from '../shapes/compileShape.ts';
import { type Circuit, circuitOf, type Shape } from '../shapes/shape.ts';
import { readWireNames, type WireNames } from './wireNames.ts';

/** Integers by the names of a circuit's inputs. */
export type CircuitInputs = Readonly<Record<string, bigint | readonly bigint[]>>;

/** A compiled shape, open for audits. */
export interface OpenedShape {
  readonly circuit: Circuit;
  /** Without weights. */
  readonly file: R1csFile;
  readonly names: WireNames;
  /** With weights. */
  withRows(weights: Weights): R1csFile;
  /** The program's witness, which knows nothing of weights. Throws `NO_WITNESS`. */
  witness(inputs: CircuitInputs): Promise<readonly bigint[]>;
  /** A signal's wire. Throws for a signal that has none. */
  wire(name: string): number;
}

/** Compiles a shape into `folder`. */
export async function openShape(shape: Shape, folder: string): Promise<OpenedShape> {
  const circuit = circuitOf(shape);
  const { r1cs, witness, symbols } = await compileShape(circuit, folder);
  const file = readR1cs(await readFile(r1cs));
  const names = readWireNames(await readFile(symbols, 'utf8'));
  return {
    circuit,
    file,
    names,
    withRows: (weights) => readR1cs(Buffer.concat([...appendRows(file, circuit, weights)])),
    async witness(inputs) {
      // snarkjs takes field elements that are not negative, or text.
      const asText = Object.entries(inputs).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? String(value) : value.map(String),
      ]);
      return readWitness(await witnessOf(witness, Object.fromEntries(asText)));
    },
    wire(name) {
      const wire = names.wires.get(name);
      if (wire === undefined) throw new Error(`No wire is named ${name}.`);
      return wire;
    },
  };
}
