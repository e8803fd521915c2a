import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { ask } from '../client/ask.ts';
import { fetchBundle } from '../client/fetchBundle.ts';
import { KarmeshError } from '../errors.ts';
import { command, output } from '../runtime/index.ts';
import { configFiles } from './clientConfig.ts';
import { gatewaySettings } from './gatewaySettings.ts';
import type { ListedCommand } from './listedCommand.ts';

const schema = z.object({
  ...gatewaySettings,
  model: z
    .string()
    .optional()
    .meta({ description: 'the model’s name; the first on offer unless told', placeholder: 'name' }),
  maxTokens: z.int().positive().optional().meta({ description: 'tokens of the answer at most', placeholder: 'count' }),
  temperature: z
    .number()
    .min(0)
    .max(2)
    .default(0)
    .meta({ description: 'randomness; 0 always takes the likeliest token' }),
  assurance: z.enum(['quorum', 'proof']).default('quorum').meta({
    description:
      'proof: the worker must prove a token of the answer that nobody could choose; see docs/guides/buy-inference.md',
  }),
  bundle: z.string().optional().meta({ description: 'also save the receipt bundle to this file', placeholder: 'file' }),
});

/** `karmesh ask "…"`: one question with assurance `quorum` or `proof`. */
export const askCommand: ListedCommand = {
  title: 'ask one question and show who agreed',
  ...command({
    program: 'karmesh ask',
    summary: 'Asks one question; two of three workers must agree on the answer.',
    section: 'ask',
    schema,
    positionals: [{ name: 'question', description: 'what to ask' }],
    files: configFiles,
    async run(read, { signal }) {
      const { config, positionals } = read;
      const [prompt] = positionals;
      if (prompt === undefined || prompt.trim() === '')
        throw new KarmeshError('CONFIG_INVALID', 'There is no question.', {});
      const gateway = { url: config.gateway.replace(/\/$/, ''), apiKey: config.apiKey };
      const asking = ask(gateway, {
        prompt,
        temperature: config.temperature,
        assurance: config.assurance,
        signal,
        ...(config.model === undefined ? {} : { model: config.model }),
        ...(config.maxTokens === undefined ? {} : { maxTokens: config.maxTokens }),
      });
      const answer = await asking.catch((cause: unknown) => {
        // A name that was typed wrongly is the command line's fault, and nobody else's.
        if (config.model === undefined || !(cause instanceof KarmeshError) || cause.code !== 'MODEL_UNKNOWN')
          throw cause;
        throw new KarmeshError('CONFIG_INVALID', cause.message, cause.facts, cause);
      });
      if (config.bundle !== undefined) {
        const file = await fetchBundle(gateway, { requestId: answer.evidence.requestId, signal });
        await writeFile(config.bundle, `${JSON.stringify(file)}\n`, { mode: 0o600 });
      }
      const { evidence } = answer;
      output({ json: config.json })().data({ ...answer, bundle: config.bundle }, () =>
        [
          answer.text,
          '',
          `${evidence.quorum.agreeing} of ${evidence.quorum.asked} workers agreed · ${answer.promptTokens} + ${answer.outputTokens} tokens · ${evidence.priceLamports} lamports · epoch ${evidence.epoch}`,
          `request ${evidence.requestId}`,
          ...(config.bundle === undefined ? [] : [`bundle  ${config.bundle}`]),
        ].join('\n'),
      );
      return 0;
    },
  }),
};
