import { configFiles } from '@karmesh/sdk/participant/settings';
import { command, output } from '@karmesh/sdk/runtime';
import { describeSchema } from './config.ts';
import { openEngine } from './openEngine.ts';

/** `karmesh-worker describe`: the engine class and the model id that this machine would register with. */
export const describeCommand = command({
  program: 'karmesh worker describe',
  summary: 'Loads the model and shows the engine class and model id that this machine has with it.',
  section: 'worker',
  schema: describeSchema,
  files: configFiles,
  async run({ config }, { signal }) {
    await using engine = await openEngine(config, { signal });
    const { engineClass, engineClassId, manifest, modelId, contextSize } = engine.describe();
    output({ json: config.json })().data({ engineClassId, modelId, engineClass, manifest, contextSize }, (shown) =>
      [
        `model        ${hex(shown.modelId)} (${manifest.name}, ${manifest.quantisation}, ${manifest.activeParameters} active parameters)`,
        `engine class ${hex(shown.engineClassId)}`,
        `             ${engineClass.engine} · ${engineClass.build} · ${engineClass.cpuKernel} · ${engineClass.settings}`,
      ].join('\n'),
    );
    return 0;
  },
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
