import { CircuitsError } from '../errors.ts';
import { snarkjsStep } from './snarkjsPhases.ts';
import { wholeFile } from './wholeFile.ts';

const MOST_POWER = 28;

/** Begins the first phase: 2^power powers of a tau that is 1, to which everybody contributes. Throws `BAD_INPUT`. */
export async function beginPowers({ path, power }: { readonly path: string; readonly power: number }): Promise<void> {
  if (!Number.isInteger(power) || power < 1 || power > MOST_POWER)
    throw new CircuitsError('BAD_INPUT', 'The field has powers of tau up to 2^28.', { power });
  await wholeFile(path, (partial) =>
    snarkjsStep(async ({ curves, powersOfTau }, logger) =>
      powersOfTau.newAccumulator(await curves.getCurveFromName('bn128'), power, partial, logger),
    ),
  );
}
