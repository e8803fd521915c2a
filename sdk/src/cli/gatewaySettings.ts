import { z } from 'zod';
import { speechSettings } from '../participant/settings.ts';

/** The settings of every command that speaks to a gateway. `up` writes them to .karmesh/up/karmesh.config.json. */
export const gatewaySettings = {
  gateway: z
    .url()
    .default('http://127.0.0.1:8787')
    .meta({ description: 'the gateway to buy from', placeholder: 'url' }),
  apiKey: z.string().min(1).meta({
    description: 'the key that the gateway knows you by; in the folder where `up` runs it is found by itself',
    placeholder: 'key',
  }),
  ...speechSettings,
};
