/** Names the folder in which faults lie ready, for every program that is started under it. */
export const FAULTS_VARIABLE = 'KARMESH_TEST_FAULTS';

/** Holds the process id of the program that took the last fault. */
export const FIRED_FILE = 'fired';

export function faultFile({ program, stage }: { readonly program: string; readonly stage: string }): string {
  return `${program}.${stage.replace(':', '-')}`;
}
