import { loadKeypair, readConfig } from '@karmesh/sdk/runtime';
import type { Command } from './command.ts';
import { CONFIG_FILES, startSchema } from './config.ts';

/** `karmesh-worker start`: runs until SIGINT or SIGTERM. */
export const startCommand: Command = {
  async run({ argv, env, signal }) {
    const read = await readConfig({
      program: 'karmesh worker start',
      summary: 'Runs a registered worker: answers dispatches and audits.',
      section: 'worker',
      schema: startSchema,
      argv,
      env,
      files: CONFIG_FILES,
    });
    if (read.kind === 'help') {
      process.stdout.write(read.text);
      return 0;
    }
    const keypair = await loadKeypair(read.config.keypair);
    // Engine, network and chain take over a second to load, which a wrong setting should not wait for.
    const { startWorker } = await import('./startWorker.ts');
    return await startWorker({ config: read.config, keypair }, signal);
  },
};
