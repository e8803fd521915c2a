export { type DeployEvents, type DeployOptions, deployProgram } from './deployProgram.ts';
export { closeProgram } from './loader.ts';
export { programDataAddress } from './loaderAccounts.ts';
export type { Step, StepName, Wanted } from './planDeployment.ts';
export { type ProgramFile, readProgramFile } from './programFile.ts';
