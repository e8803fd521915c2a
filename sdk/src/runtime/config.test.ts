import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { configHelp, type ReadConfigOptions, readConfig } from './config.ts';

const schema = z.strictObject({
  url: z
    .string()
    .default('localnet')
    .meta({ description: 'The cluster.', flag: 'u', placeholder: 'moniker|url', alsoEnv: 'ANCHOR_PROVIDER_URL' }),
  maxConcurrent: z.int().min(1).default(2).meta({ description: 'Requests served at once.' }),
  bond: z.bigint().default(5n).meta({ description: 'Lamports to bond.' }),
  verify: z.boolean().default(true).meta({ description: 'Do not check what was downloaded.' }),
  json: z.boolean().default(false).meta({ description: 'Print JSON.' }),
  bootstrap: z.array(z.string()).default([]).meta({ description: 'Peers to connect to.', placeholder: 'multiaddrs' }),
  level: z.enum(['info', 'debug']).default('info').meta({ description: 'What is logged.' }),
  model: z.string().meta({ description: 'The GGUF file.', placeholder: 'path' }),
});

const base = { program: 'karmesh worker start', summary: 'Runs a worker.', section: 'worker', schema } as const;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-config-'));
  file = join(folder, 'karmesh.config.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Given = Partial<Pick<ReadConfigOptions<typeof schema>, 'argv' | 'env' | 'files' | 'positionals'>>;
const read = ({ argv = [], env = {}, ...rest }: Given) => readConfig({ ...base, argv, env, ...rest });

async function faults(given: Given): Promise<{ readonly message: string; readonly facts: object }> {
  const error: unknown = await read(given).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
  const { message, facts } = error as { message: string; facts: object };
  return { message, facts };
}

test('what another command reads of the same part of a file is passed over, and what none reads is refused', async () => {
  const sharedWith = [z.object({ threads: z.int() })];
  await writeFile(file, JSON.stringify({ worker: { model: 'm.gguf', threads: 4 } }));
  const shared = await readConfig({ ...base, argv: [], env: {}, files: [file], sharedWith });
  expect(shared).toMatchObject({ kind: 'config', config: { model: 'm.gguf' } });
  expect(shared).not.toHaveProperty('config.threads');
  expect((await faults({ files: [file] })).facts).toEqual({ [`${file}: threads`]: 'is no setting of this program' });
});

describe('precedence', () => {
  test('flag over KARMESH_* over another tool’s variable over file over default', async () => {
    await writeFile(
      file,
      JSON.stringify({
        worker: { url: 'file', maxConcurrent: 3, level: 'debug', model: 'file.gguf', json: true },
        gateway: { port: 1 },
      }),
    );
    const env = {
      ANCHOR_PROVIDER_URL: 'anchor',
      KARMESH_MAX_CONCURRENT: '4',
      KARMESH_MODEL: 'env.gguf',
      KARMESH_OTHER: 'x',
    };
    expect(await read({ argv: ['--model', 'flag.gguf', '--no-json'], env, files: [file] })).toEqual({
      kind: 'config',
      config: {
        url: 'anchor',
        maxConcurrent: 4,
        bond: 5n,
        verify: true,
        json: false,
        bootstrap: [],
        level: 'debug',
        model: 'flag.gguf',
      },
      positionals: [],
      sources: {
        url: 'env',
        maxConcurrent: 'env',
        bond: 'default',
        verify: 'default',
        json: 'flag',
        bootstrap: 'default',
        level: 'file',
        model: 'flag',
      },
    });
    expect(await read({ argv: ['--model', 'm'], env: { ...env, KARMESH_URL: 'ours' } })).toMatchObject({
      config: { url: 'ours' },
    });
  });

  test('an empty variable is none', async () => {
    expect(await read({ argv: ['--model', 'm'], env: { KARMESH_URL: '' } })).toMatchObject({
      config: { url: 'localnet' },
    });
  });

  test('of two files the first wins, and a missing one is passed over', async () => {
    const second = join(folder, 'second.json');
    await writeFile(file, JSON.stringify({ worker: { model: 'first' } }));
    await writeFile(second, JSON.stringify({ worker: { model: 'second', url: 'second' } }));
    const files = [join(folder, 'none.json'), file, second];
    expect(await read({ files })).toMatchObject({ config: { model: 'first', url: 'second' } });
  });

  test('--config names the only file', async () => {
    const other = join(folder, 'other.json');
    await writeFile(file, JSON.stringify({ worker: { model: 'usual' } }));
    await writeFile(other, JSON.stringify({ worker: { model: 'other' } }));
    expect(await read({ argv: ['--config', other], files: [file] })).toMatchObject({ config: { model: 'other' } });
  });
});

test('lists, switches, amounts and short flags are read from flags and variables alike', async () => {
  const flags = [
    '-u',
    'devnet',
    '--bootstrap',
    'a,b',
    '--bootstrap',
    'c',
    '--no-verify',
    '--json',
    '--bond',
    '90071992547409930',
    '--model',
    'm',
  ];
  const fromFlags = await read({ argv: flags });
  const env = {
    KARMESH_URL: 'devnet',
    KARMESH_BOOTSTRAP: 'a,b,c',
    KARMESH_VERIFY: 'false',
    KARMESH_JSON: '1',
    KARMESH_BOND: '90071992547409930',
    KARMESH_MODEL: 'm',
  };
  const config = {
    url: 'devnet',
    maxConcurrent: 2,
    bond: 90071992547409930n,
    verify: false,
    json: true,
    bootstrap: ['a', 'b', 'c'],
    level: 'info',
    model: 'm',
  };
  expect(fromFlags).toMatchObject({ config });
  expect(await read({ env })).toMatchObject({ config });
});

test('positionals are handed over in order', async () => {
  const positionals = [{ name: 'prompt', description: 'What to ask.' }];
  expect(await read({ argv: ['--model', 'm', 'What is it?'], positionals })).toMatchObject({
    positionals: ['What is it?'],
  });
  expect(await faults({ argv: ['--model', 'm'], positionals })).toEqual({
    message: 'The command line is not understood.',
    facts: { fault: "missing required argument 'prompt'" },
  });
});

describe('faults', () => {
  test('all of them are listed, each by the place where it stands', async () => {
    await writeFile(file, JSON.stringify({ worker: { level: 'loud', modell: 'x', verify: 'yes' } }));
    expect(await faults({ argv: ['--max-concurrent', '0'], env: { KARMESH_BOND: 'much' }, files: [file] })).toEqual({
      message: 'The configuration has faults.',
      facts: {
        '--max-concurrent': 'Too small: expected number to be >=1',
        KARMESH_BOND: 'Invalid input: expected bigint, received string',
        [`${file}: verify`]: 'Invalid input: expected boolean, received string',
        [`${file}: level`]: 'Invalid option: expected one of "info"|"debug"',
        [`${file}: modell`]: 'is no setting of this program; did you mean model?',
        '--model': 'is required',
      },
    });
  });

  test('an unknown flag is refused', async () => {
    expect(await faults({ argv: ['--modle', 'x'] })).toEqual({
      message: 'The command line is not understood.',
      facts: { fault: "unknown option '--modle'", didYouMean: '--model' },
    });
  });

  test('a word that nothing asked for is refused', async () => {
    expect(await faults({ argv: ['--model', 'm', 'extra'] })).toMatchObject({
      message: 'The command line is not understood.',
    });
  });

  test('a file that is no JSON object and a named one that is not there are refused', async () => {
    await writeFile(file, '[1');
    expect((await faults({ argv: ['--model', 'm'], files: [file] })).facts).toEqual({
      [file]: 'must be a JSON object of programs and their settings',
    });
    const missing = join(folder, 'none.json');
    expect((await faults({ argv: ['--model', 'm', '--config', missing] })).facts).toEqual({
      [missing]: 'could not be read (ENOENT)',
    });
  });
});

test('--help prints what the schema says', async () => {
  const positionals = [{ name: 'name', description: 'A name.', optional: true }];
  const help = configHelp({ ...base, positionals });
  expect(await read({ argv: ['--help'], positionals })).toEqual({ kind: 'help', text: help });
  expect(help).toMatchInlineSnapshot(`
    "Usage: karmesh worker start [options] [name]

    Runs a worker.

    Arguments:
      name                       A name.

    Options:
      -u, --url <moniker|url>    The cluster. (env: KARMESH_URL, ANCHOR_PROVIDER_URL, default: localnet)
      --max-concurrent <number>  Requests served at once. (env: KARMESH_MAX_CONCURRENT, default: 2)
      --bond <number>            Lamports to bond. (env: KARMESH_BOND, default: 5)
      --no-verify                Do not check what was downloaded. (env: KARMESH_VERIFY, default: true)
      --json                     Print JSON. (env: KARMESH_JSON)
      --bootstrap <multiaddrs>   Peers to connect to. (env: KARMESH_BOOTSTRAP)
      --level <info|debug>       What is logged. (env: KARMESH_LEVEL, default: info)
      --model <path>             The GGUF file. (env: KARMESH_MODEL)
      --config <path>            A karmesh.config.json; its part "worker" is read.
      -h, --help                 Show this text.
    "
  `);
});
