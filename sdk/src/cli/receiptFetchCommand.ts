import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { fetchBundle } from '../client/fetchBundle.ts';
import { KarmeshError } from '../errors.ts';
import { type BundleFile, decodeBundle } from '../protocol/index.ts';
import { command, output } from '../runtime/index.ts';
import { configFiles } from './clientConfig.ts';
import { gatewaySettings } from './gatewaySettings.ts';
import type { ListedCommand } from './listedCommand.ts';

const schema = z.object({
  ...gatewaySettings,
  bundle: z.string().default('bundle.json').meta({ description: 'the file to write', placeholder: 'file' }),
  wait: z
    .boolean()
    .default(false)
    .meta({ description: 'wait until the bundle is complete, which takes until its epoch has a report' }),
});

const POLL_MS = 2_000;

/** `karmesh receipt fetch REQUEST`: the bundle as the gateway has it now; complete once its epoch is final. */
export const receiptFetchCommand: ListedCommand = {
  title: 'fetch the bundle of an answer, complete once its epoch is final',
  ...command({
    program: 'karmesh receipt fetch',
    summary: 'Fetches the receipt bundle of an answer from the gateway that sold it.',
    section: 'ask',
    schema,
    positionals: [{ name: 'request', description: 'the request’s id, 64 hexadecimal digits' }],
    files: configFiles,
    async run(read, { signal }) {
      const { config } = read;
      const [requestId = ''] = read.positionals;
      if (!/^[0-9a-f]{64}$/.test(requestId)) {
        throw new KarmeshError('CONFIG_INVALID', 'A request id is 64 hexadecimal digits.', { requestId });
      }
      const gateway = { url: config.gateway.replace(/\/$/, ''), apiKey: config.apiKey };
      const talk = output({ json: config.json })();
      let file = await fetchBundle(gateway, { requestId, signal });
      if (config.wait && !isWhole(file)) talk.talk('Waiting until the epoch of this answer has a report …');
      while (config.wait && !isWhole(file)) {
        await pause(POLL_MS, undefined, { signal });
        file = await fetchBundle(gateway, { requestId, signal });
      }
      await writeFile(config.bundle, `${JSON.stringify(file)}\n`, { mode: 0o600 });
      const isComplete = isWhole(file);
      talk.data({ requestId, bundle: config.bundle, isComplete }, () =>
        isComplete
          ? `The complete bundle is in ${config.bundle}.`
          : `The bundle is in ${config.bundle}; fetch it again once its epoch is final.`,
      );
      return 0;
    },
  }),
};

/** Whether a bundle has its paths to the roots. */
function isWhole(file: BundleFile): boolean {
  const { set, report } = decodeBundle(file);
  return set !== undefined && report !== undefined;
}
