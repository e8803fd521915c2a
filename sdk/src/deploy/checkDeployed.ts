import type { Cluster } from '../clusters/index.ts';
import { KarmeshError } from '../errors.ts';
import { type Address, type ConfigAccount, checkedConfig, toBase58 } from '../program/index.ts';
import { configFaults } from './configFaults.ts';
import type { Observed } from './observe.ts';
import { programFault } from './programFault.ts';
import type { ProgramFile } from './programFile.ts';

/**
 * Whether the chain holds this program, set up for this cluster with the preset's parameters.
 *
 * @throws KarmeshError `PROGRAM_MISMATCH` with everything that differs, `GENESIS_MISMATCH` if Config is another cluster's.
 */
export function checkDeployed(
  { deployed, config }: Observed,
  expected: {
    readonly wanted: { readonly program: Pick<ProgramFile, 'bytes' | 'hash'> };
    readonly preset: Cluster;
    readonly genesis: Uint8Array;
    readonly programId: Address;
  },
): ConfigAccount {
  const programId = toBase58(expected.programId);
  if (deployed === undefined) {
    throw new KarmeshError('PROGRAM_MISMATCH', 'There is no program at this address.', { programId });
  }
  const fault = programFault(deployed, expected.wanted.program);
  if (fault !== undefined) {
    throw new KarmeshError('PROGRAM_MISMATCH', 'The program on the chain is not the one in the file.', {
      programId,
      fault,
    });
  }
  const checked = checkedConfig({ ...expected, config });
  const faults = configFaults(checked, expected.preset);
  if (faults.length > 0) {
    throw new KarmeshError('PROGRAM_MISMATCH', 'The program was set up with other parameters than the preset’s.', {
      programId,
      preset: expected.preset.name,
      initialiser: toBase58(checked.initialiser),
      ...Object.fromEntries(faults.map((sentence, i) => [`fault ${i + 1}`, sentence])),
    });
  }
  return checked;
}
