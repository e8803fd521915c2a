import { CircuitsError } from '../errors.ts';
import type { Circuit } from '../shapes/shape.ts';

/**
 * The public signals of a circuit in their order, from what a verifier itself knows of them: commitments out of leaves, the context out of the challenge,
 * a token out of the receipt. Throws `BAD_INPUT` for one that is missing or that the circuit has not.
 */
export function statementOf({ name, signals }: Circuit, values: Readonly<Record<string, bigint>>): readonly bigint[] {
  const odd = Object.keys(values).find((value) => !signals.includes(value));
  if (odd !== undefined) throw new CircuitsError('BAD_INPUT', 'The circuit has no such signal.', { name, signal: odd });
  return signals.map((signal) => {
    const value = values[signal];
    if (value === undefined)
      throw new CircuitsError('BAD_INPUT', 'A signal of the statement is missing.', { name, signal });
    return value;
  });
}
