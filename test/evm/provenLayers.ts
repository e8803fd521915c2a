import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  circuitInputs,
  circuitOf,
  elementOf,
  kernelProver,
  type LayerKey,
  openTensorCommitter,
  proveLayer,
  setupLayer,
  statementOf,
} from '@karmesh/circuits';

/** A proof and the statement that it is of. */
export interface ProvenLayer {
  readonly signals: readonly bigint[];
  readonly proof: Uint8Array;
}

/** Two small layers of one shape, with keys of their own. */
export interface ProvenLayers extends AsyncDisposable {
  readonly keys: readonly LayerKey[];
  /** Which signal is the context. */
  readonly contextIndex: number;
  /** Proves a layer for a context; another `first` is another input, and so another statement. */
  prove(claim: { readonly layer: number; readonly context: bigint; readonly first?: number }): Promise<ProvenLayer>;
}

const shape = { kind: 'linear', rows: 2, columns: 3, inputBits: 8, shift: 4, outputBits: 8 } as const;
const MATRICES = [
  [
    [1, -2, 3],
    [100, 0, -7],
  ],
  [
    [1, -2, 4],
    [100, 0, -7],
  ],
];

/** Makes INSECURE DEVELOPMENT KEYS in a temporary folder, in seconds. */
export async function openProvenLayers(): Promise<ProvenLayers> {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-evm-'));
  const weights = MATRICES.map((matrix) => ({ rows: 2, columns: 3, row: (i: number) => matrix[i] ?? [] }));
  const keys: LayerKey[] = [];
  for (const each of weights) keys.push(await setupLayer({ shape, weights: each, folder, seed: new Uint8Array(32) }));
  const commit = await openTensorCommitter();
  const committed = (values: Int32Array, blinding: number): bigint =>
    elementOf(commit({ values, bits: 8, blinding: new Uint8Array(32).fill(blinding, 0, 1) }));
  const circuit = circuitOf(shape);
  return {
    keys,
    contextIndex: circuit.signals.indexOf('context'),
    async prove({ layer, context, first = 5 }) {
      const [key, own] = [keys[layer], weights[layer]];
      if (key === undefined || own === undefined) throw new Error('There is no such layer.');
      const x = Int32Array.of(first, -8, 9);
      const y = Int32Array.from([0, 1], (i) => (own.row(i).reduce((sum, w, j) => sum + w * (x[j] ?? 0), 0) + 8) >> 4);
      const inputs = circuitInputs(shape, own, {
        tensors: { x },
        blindings: { blindingX: 3n, blindingY: 4n },
        context,
      });
      const signals = statementOf(circuit, { commitmentX: committed(x, 3), commitmentY: committed(y, 4), context });
      return { signals, proof: await proveLayer({ key, inputs, signals }, { prover: kernelProver() }) };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
