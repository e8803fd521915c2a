import { join } from 'node:path';

/** The committed program. */
export const PROGRAM_FILE = join(import.meta.dirname, '..', '..', '..', 'programs', 'karma', 'karma.so');
