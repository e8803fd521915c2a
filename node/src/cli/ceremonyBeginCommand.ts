import { configFiles } from '@karmesh/sdk/participant/settings';
import { toHex } from '@karmesh/sdk/protocol';
import { command, output } from '@karmesh/sdk/runtime';
import { withCeremonyFaults } from './ceremonyFaults.ts';
import { beginLayer } from './ceremonyLayer.ts';
import { ceremonyBeginSchema } from './config.ts';

/** `karmesh ceremony begin TO`. Throws `CONFIG_INVALID`, `MODEL_INVALID`, `CEREMONY_REFUSED`. */
export const ceremonyBeginCommand = command({
  program: 'karmesh ceremony begin',
  summary: 'Begins a layer’s key out of its weights and powers of tau: the same bytes for everybody.',
  section: 'ceremony',
  schema: ceremonyBeginSchema,
  positionals: [{ name: 'to', description: 'the .zkey file that the first contributor gets' }],
  files: configFiles,
  async run({ config, positionals: [path = ''] }, { signal }) {
    const talk = output({ json: config.json })();
    const begun = await withCeremonyFaults(() => beginLayer(config, { path, talk, signal }));
    talk.data({ path, ...begun }, ({ circuit, constraints, circuitHash }) =>
      [`Began ${path} for ${circuit}, ${constraints} constraints.`, `circuit hash  ${toHex(circuitHash)}`].join('\n'),
    );
    return 0;
  },
});
