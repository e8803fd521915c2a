import { configFiles } from '@karmesh/sdk/participant/settings';
import { command, loadKeypair } from '@karmesh/sdk/runtime';
import { startSchema } from './config.ts';

/** `karmesh-worker start`: runs until SIGINT or SIGTERM. */
export const startCommand = command({
  program: 'karmesh worker start',
  summary: 'Runs a registered worker: answers dispatches and audits.',
  section: 'worker',
  schema: startSchema,
  files: configFiles,
  async run({ config }, { signal }) {
    const keypair = await loadKeypair(config.keypair);
    // Engine, network and chain take over a second to load, which a wrong setting should not wait for.
    const { startWorker } = await import('./startWorker.ts');
    return await startWorker({ config, keypair }, signal);
  },
});
