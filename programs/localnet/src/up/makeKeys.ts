import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KarmeshError } from '@karmesh/sdk/errors';
import { z } from 'zod';
import type { MarketFolder } from './folder.ts';
import { modelCache } from './startMarket.ts';

const WORKER = fileURLToPath(new URL('../../../../node/src/main.ts', import.meta.url));
const made = z.object({ operators: z.number(), seconds: z.number(), mebibytes: z.number() });

/**
 * Makes the INSECURE DEVELOPMENT KEYS that workers prove with, unless that was done in this folder. Gives the file with what validators attest; undefined
 * for the bundled model, which has one. Throws `PROGRAM_ENDED`.
 */
export async function makeKeys(
  folder: MarketFolder,
  run: {
    readonly modelPath: string | undefined;
    readonly signal: AbortSignal;
    readonly talk: (sentence: string) => void;
  },
): Promise<string | undefined> {
  const { modelPath, signal, talk } = run;
  talk('Making INSECURE DEVELOPMENT KEYS for proofs, once: some minutes of one core, and gigabytes on disk …');
  const out = modelPath === undefined ? undefined : join(folder.path, 'model-keys.json');
  const of = modelPath === undefined ? [] : [modelPath, '--out', out ?? ''];
  const args = ['model', 'keys', ...of, '--model-cache', modelCache(folder), '--json'];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WORKER, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
  });
  let text = '';
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString();
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new KarmeshError('PROGRAM_ENDED', 'The keys for proofs could not be made.', { code });
  const { operators, seconds, mebibytes } = made.parse(JSON.parse(text));
  talk(`${operators} keys in ${seconds} seconds, ${mebibytes} MiB in ${modelCache(folder)}.`);
  return out;
}
