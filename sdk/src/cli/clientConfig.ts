import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where commands look for settings: the folder's own file, then what the last `up` in this folder wrote, then the user's. */
export const configFiles: readonly string[] = [
  'karmesh.config.json',
  join('.karmesh', 'up', 'karmesh.config.json'),
  join(homedir(), '.config', 'karmesh', 'karmesh.config.json'),
];
