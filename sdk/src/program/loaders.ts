/** Loaders that keep a program's file in the program's own account; nobody can replace it. */
export const PLAIN_LOADERS: readonly string[] = [
  'BPFLoader1111111111111111111111111111111111',
  'BPFLoader2111111111111111111111111111111111',
];

/** The loader that keeps a program's file in an account beside the program's, under an authority that may replace it. */
export const UPGRADEABLE_LOADER = 'BPFLoaderUpgradeab1e11111111111111111111111';

/** The u32 that an account of the upgradeable loader begins with: what it is. */
export const LOADER_TAG = { buffer: 1, program: 2, programData: 3 } as const;

/** What stands before the file in an account of the upgradeable loader, or all of the program's own, in bytes. */
export const LOADER_HEADER = { buffer: 37, program: 36, programData: 45 } as const;
