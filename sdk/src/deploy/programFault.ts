import type { DeployedProgram } from './loaderAccounts.ts';
import { type ProgramFile, sha256Hex } from './programFile.ts';

/** What is wrong with the program on the chain beside the file, or undefined if it is the file and zeros. */
export function programFault(deployed: DeployedProgram, file: Pick<ProgramFile, 'bytes' | 'hash'>): string | undefined {
  const { length } = file.bytes;
  const found = sha256Hex(deployed.bytes.subarray(0, length));
  if (found !== file.hash) return `The program on the chain hashes to ${found}, the file to ${file.hash}.`;
  const more = deployed.bytes.subarray(length).findIndex((byte) => byte !== 0);
  return more < 0 ? undefined : `The program on the chain goes on behind the file's ${length} bytes.`;
}
