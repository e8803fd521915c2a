import { configFiles } from '@karmesh/sdk/participant/settings';
import { command, output } from '@karmesh/sdk/runtime';
import { exactModelFile } from '../engines/exact/file/exactModelFile.ts';
import { convertSchema } from './config.ts';
import { conversionProgress } from './conversionProgress.ts';

/** `karmesh model convert FILE`: what a worker with exact arithmetic does by itself before it starts. Throws `MODEL_INVALID`, `DISK_FULL`, `STORE_FAILED`. */
export const modelConvertCommand = command({
  program: 'karmesh model convert',
  summary:
    'Converts a GGUF file for exact arithmetic (docs/exact-arithmetic.md), once: a second time it is found and checked.',
  section: 'model',
  schema: convertSchema,
  positionals: [{ name: 'file', description: 'the GGUF file' }],
  files: configFiles,
  async run({ config, positionals: [file = ''] }, { signal }) {
    const talk = output({ json: config.json })();
    const { path, manifest, modelId, variant, cached } = await exactModelFile(
      file,
      { cacheFolder: config.modelCache, variant: config.variant },
      { signal, onProgress: conversionProgress(talk) },
    ).finally(() => talk.progress(''));
    talk.data({ path, variant, cached, modelId, manifest }, (shown) =>
      [
        `${shown.cached ? 'Found' : 'Converted'} ${shown.path}`,
        `model id  ${Buffer.from(shown.modelId).toString('hex')}`,
        `variant   ${shown.variant} · ${manifest.fileBytes} bytes`,
      ].join('\n'),
    );
    return 0;
  },
});
