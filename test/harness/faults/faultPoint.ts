import { subscribe } from 'node:diagnostics_channel';
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STAGE_CHANNEL } from '../../../sdk/src/runtime/stages.ts';
import { FAULTS_VARIABLE, FIRED_FILE, faultFile } from './faultFiles.ts';

// Loaded into every program of a market under test before its own code. When the program reaches a stage for which a fault lies ready,
// it sends itself the signal at once, before anything else happens. Who removes the file is the one who takes the fault.
const folder = process.env[FAULTS_VARIABLE];
if (folder !== undefined) {
  subscribe(STAGE_CHANNEL, (message) => {
    const { program, stage } = message as { readonly program: string; readonly stage: string };
    const file = join(folder, faultFile({ program, stage }));
    let signal: string;
    try {
      signal = readFileSync(file, 'utf8');
      unlinkSync(file);
    } catch {
      return;
    }
    writeFileSync(join(folder, FIRED_FILE), String(process.pid));
    process.kill(process.pid, signal);
  });
}
