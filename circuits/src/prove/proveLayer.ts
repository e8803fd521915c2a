import { CircuitsError } from '../errors.ts';
import type { LayerKey } from '../keys/layerKey.ts';
import type { circuitInputs } from './circuitInputs.ts';
import type { Prover } from './prover.ts';
import { witnessOf } from './snarkjsProver.ts';

export interface ProveLayerOptions {
  readonly key: Pick<LayerKey, 'zkey' | 'witnessProgram'>;
  readonly inputs: ReturnType<typeof circuitInputs>;
  /** The statement that the proof is to be of. */
  readonly signals: readonly bigint[];
}

/**
 * Proves an operator, 256 bytes. Throws `NO_WITNESS` for values that the circuit does not take, among them those that saturate, and `STATEMENT_FALSE` if the
 * witness says something else than the statement.
 */
export async function proveLayer(
  { key, inputs, signals }: ProveLayerOptions,
  { prover }: { readonly prover: Prover },
): Promise<Uint8Array> {
  const witness = await witnessOf(key.witnessProgram, inputs);
  const proven = await prover.prove({ zkey: key.zkey, witness });
  const other = signals.findIndex((signal, i) => proven.signals[i] !== signal);
  if (other >= 0 || proven.signals.length !== signals.length)
    throw new CircuitsError('STATEMENT_FALSE', 'The witness says something else than the statement.', {
      signal: other,
    });
  return proven.proof;
}
