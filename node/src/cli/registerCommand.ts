import { openRegistration, registeredLines } from '@karmesh/sdk/participant';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { registerWorker } from '@karmesh/sdk/program';
import { command, output } from '@karmesh/sdk/runtime';
import { registerSchema } from './config.ts';
import { openEngine } from './openEngine.ts';

/** `karmesh-worker register`: bonds an identity as a worker of this machine's engine class and model. Nothing else registers. */
export const registerCommand = command({
  program: 'karmesh worker register',
  summary: 'Registers and bonds a worker with the engine class and model of this machine.',
  section: 'worker-register',
  schema: registerSchema,
  questions: ['url', 'keypair', 'owner', 'model', 'bond'],
  files: configFiles,
  async run({ config }, { signal }) {
    const talk = output({ json: config.json })();
    const { parameters, register } = await openRegistration(config, { signal });
    talk.talk('Loading the model to see which engine class this machine has.');
    await using engine = await openEngine(config, { signal });
    const { engineClassId, modelId } = engine.describe();
    const bond = config.bond ?? parameters.minWorkerBond;
    const offer = { bond, engineClass: engineClassId, models: [modelId] };
    const sent = await register((addresses, keys) => [registerWorker(addresses, { ...keys, ...offer })], { signal });
    talk.data({ ...sent, bond, engineClassId, modelId }, (shown) =>
      [
        `${shown.dryRun ? 'Would register' : 'Registered'} ${shown.participant} with a bond of ${shown.bond} lamports.`,
        ...registeredLines(shown),
      ].join('\n'),
    );
    return 0;
  },
});
