import {
  type Circuit,
  circuitInputs,
  circuitOf,
  elementBytes,
  elementOf,
  type OperatorValues,
  type Shape,
  statementOf,
  type TensorCommitter,
  type Weights,
} from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { operatorInputs, type TensorPlace, type TraceModel, type TraceTensor, traceShape } from '@karmesh/sdk/protocol';
import type { OperatorCircuits } from './operatorCircuits.ts';

/** What of a run goes into a proof: values of level `operators` of its trace and what hides each. */
export interface ProvableRun {
  tensor(place: TensorPlace): Int32Array;
  /** Below the field's order; nobody can guess it, and no two tensors share one. */
  blinding(place: TensorPlace): bigint;
  /** The token that was chosen behind a position. */
  chosen(position: number): number;
  /** What a tensor's commitment is known to be; it is computed without it. */
  commitment?(place: TensorPlace): Uint8Array | undefined;
}

/** An operator of a run, ready to be proven. */
export interface PreparedOperator {
  readonly shape: Shape;
  readonly circuit: Circuit;
  readonly weights?: Weights;
  readonly inputs: ReturnType<typeof circuitInputs>;
  /** The statement's public signals, in order. */
  readonly signals: readonly bigint[];
}

export interface PrepareOptions {
  readonly place: TensorPlace;
  /** What the proof is for. */
  readonly context: bigint;
  /** Positions that attention's circuit has room for. */
  readonly positions: number;
}

const ELEMENT_BYTES = 32;

/** Puts together what the circuit of an operator reads and says. Throws `BAD_ARGUMENT` for an operator without a circuit. */
export async function prepareOperator(
  run: ProvableRun,
  { place, context, positions }: PrepareOptions,
  parts: { readonly circuits: OperatorCircuits; readonly commit: TensorCommitter; readonly traceModel: TraceModel },
): Promise<PreparedOperator> {
  const { circuits, commit, traceModel } = parts;
  const { position, name } = place;
  const { tensors } = traceShape(traceModel, { level: 'operators', promptTokens: 1 });
  const describe = (of: TensorPlace): TraceTensor => {
    const found = tensors.find((tensor) => tensor.name === of.name && tensor.layer === of.layer);
    if (found === undefined)
      throw new KarmeshError('BAD_ARGUMENT', 'The trace has no such tensor.', { tensor: of.name });
    return found;
  };
  const commitment = (of: TensorPlace): Uint8Array =>
    run.commitment?.(of) ??
    commit({ values: run.tensor(of), bits: describe(of).bits, blinding: elementBytes(run.blinding(of)) });
  if (name === 'attention' && position >= positions)
    throw new KarmeshError('BAD_ARGUMENT', 'The circuit of attention has no room for so many positions.', {
      positions,
    });

  const { shape, weights, reads } = await circuits.of(place, { positions });
  const circuit = circuitOf(shape);
  const read = operatorInputs(place, traceModel.layers);
  const values: Record<string, Int32Array> = {};
  const blindings: Record<string, bigint | readonly bigint[]> = {};
  const signals: Record<string, bigint> = { context };
  for (const [i, input] of reads.entries()) {
    const letter = input.toUpperCase();
    if (input === 'k' || input === 'v') {
      const past = read.filter((of) => of.name === input);
      values[input] = Int32Array.from(past.flatMap((of) => Array.from(run.tensor(of))));
      blindings[`blinding${letter}`] = past.map((of) => run.blinding(of));
      const list = Array.from({ length: positions }, (_, t) => past[t]).map((of) =>
        of === undefined ? new Uint8Array(ELEMENT_BYTES) : commitment(of),
      );
      signals[`commitment${letter}`] = elementOf(commit.list(list));
      continue;
    }
    const of = read[i];
    if (of === undefined) throw new KarmeshError('BAD_ARGUMENT', 'The operator reads less than its circuit.', { name });
    values[input] = run.tensor(of);
    blindings[`blinding${letter}`] = run.blinding(of);
    signals[`commitment${letter}`] = elementOf(commitment(of));
  }
  let chosen: Pick<OperatorValues, 'token' | 'count'> = {};
  if (shape.kind === 'head') chosen = { token: run.chosen(position) };
  else {
    const letter = shape.kind === 'attention' ? 'O' : 'Y';
    blindings[`blinding${letter}`] = run.blinding(place);
    signals[`commitment${letter}`] = elementOf(commitment(place));
  }
  if (shape.kind === 'attention') chosen = { count: position + 1 };
  if (shape.kind === 'rotated') {
    const angles = circuits.angles(position);
    values.angles = angles;
    // Who verifies computes it from the position.
    signals.commitmentAngles = elementOf(commit({ values: angles, bits: 16, blinding: new Uint8Array(ELEMENT_BYTES) }));
  }
  for (const [signal, value] of Object.entries(chosen)) signals[signal] = BigInt(value);
  const inputs = circuitInputs(shape, weights, { tensors: values, blindings, context, ...chosen });
  return {
    shape,
    circuit,
    ...(weights === undefined ? {} : { weights }),
    inputs,
    signals: statementOf(circuit, signals),
  };
}
