import { applyBeacon } from '@karmesh/circuits';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { fromHex } from '@karmesh/sdk/protocol';
import { command, output } from '@karmesh/sdk/runtime';
import { withCeremonyFaults } from './ceremonyFaults.ts';
import { ceremonyBeaconSchema } from './config.ts';

/** `karmesh ceremony beacon FROM TO`. Throws `CEREMONY_REFUSED`. */
export const ceremonyBeaconCommand = command({
  program: 'karmesh ceremony beacon',
  summary:
    'Ends a phase of a ceremony with public randomness. Powers of tau are prepared for the second phase, which takes minutes.',
  section: 'ceremony',
  schema: ceremonyBeaconSchema,
  positionals: [
    { name: 'from', description: 'what the last contributor gave' },
    { name: 'to', description: 'the file of the phase that has ended' },
  ],
  files: configFiles,
  async run({ config: { slotHash, iterations, json }, positionals: [from = '', to = ''] }) {
    const phase = await withCeremonyFaults(() => applyBeacon({ from, to, beacon: fromHex(slotHash), iterations }));
    output({ json })().data({ path: to, phase, slotHash, iterations }, () =>
      phase === 'powers' ? `Ended the powers of tau: ${to}.` : `Ended the key: ${to}.`,
    );
    return 0;
  },
});
