import { PassThrough, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { command } from './command.ts';
import type { Terminal } from './interview.ts';

const schema = z.object({
  url: z.string().default('localnet').meta({ description: 'the cluster' }),
  owner: z.string().meta({ description: 'the owner’s keypair file' }),
  bond: z.bigint().min(1n).optional().meta({ description: 'lamports to bond' }),
  yes: z.boolean().default(false).meta({ description: 'ask nothing' }),
});

/** Someone who types the next of these lines whenever a question stands there, and leaves after the last. */
function person(...lines: readonly string[]): { readonly terminal: Terminal; seen(): string } {
  const input = new PassThrough();
  const left = [...lines];
  let seen = '';
  const output = new Writable({
    write(chunk, _, done) {
      seen += String(chunk);
      if (String(chunk).endsWith(': ')) {
        const line = left.shift();
        setImmediate(() => (line === undefined ? input.end() : input.write(`${line}\n`)));
      }
      done();
    },
  });
  return { terminal: { input, output }, seen: () => seen };
}

async function run(argv: readonly string[], terminal?: Terminal, wizard = false): Promise<unknown> {
  let config: unknown;
  const registering = command({
    program: 'karmesh worker register',
    summary: 'Registers.',
    section: 'worker-register',
    schema,
    questions: ['url', 'owner', 'bond'],
    wizard,
    async run(read) {
      config = read.config;
      return 0;
    },
  });
  await registering.run({ argv, env: {}, signal: new AbortController().signal, terminal });
  return config;
}

test('asks for what was not given, again after a fault, and says how to give it all at once', async () => {
  const { terminal, seen } = person('', 'my owner.json', 'much', '5');
  expect(await run([], terminal)).toEqual({ url: 'localnet', owner: 'my owner.json', bond: 5n, yes: false });
  expect(seen().replaceAll(': ', ':\n')).toMatchInlineSnapshot(`
    "the cluster (--url) [localnet]:
    the owner’s keypair file (--owner):
    lamports to bond (--bond) [none]:
      --bond:
    Invalid input:
    expected bigint, received string
    lamports to bond (--bond) [none]:
    Without questions:
    karmesh worker register --owner 'my owner.json' --bond 5
    "
  `);
});

test('asks nobody for what was given, and only for the rest', async () => {
  const { terminal, seen } = person('owner.json', '');
  expect(await run(['--url', 'devnet'], terminal)).toEqual({ url: 'devnet', owner: 'owner.json', yes: false });
  expect(seen()).toContain('Without questions: karmesh worker register --url devnet --owner owner.json\n');
  const silent = person();
  expect(await run(['--owner', 'owner.json'], silent.terminal)).toMatchObject({ url: 'localnet' });
  expect(silent.seen()).toBe('');
});

test('a first-run wizard asks though nothing required is missing, unless told yes', async () => {
  const { terminal, seen } = person('devnet', '7');
  const given = ['--owner', 'owner.json'];
  expect(await run(given, terminal, true)).toEqual({ url: 'devnet', owner: 'owner.json', bond: 7n, yes: false });
  expect(seen()).toContain('Without questions: karmesh worker register --owner owner.json --url devnet --bond 7\n');
  const silent = person();
  expect(await run([...given, '--yes'], silent.terminal, true)).toMatchObject({ url: 'localnet', yes: true });
  expect(silent.seen()).toBe('');
});

test('in a pipe nobody is asked, and whoever leaves cancels', async () => {
  const missing = { code: 'CONFIG_INVALID', facts: { '--owner': 'is required' } };
  await expect(run([])).rejects.toMatchObject(missing);
  const { terminal } = person('localnet');
  const cancelled = { code: 'ABORTED', message: 'Cancelled.' };
  await expect(run([], terminal)).rejects.toMatchObject(cancelled);
  const input = new PassThrough();
  const output = new Writable({
    write(_chunk, _, done) {
      setImmediate(() => input.write('\u0003'));
      done();
    },
  });
  const controlC = run([], { input, output: Object.assign(output, { isTTY: true }) });
  await expect(controlC).rejects.toMatchObject(cancelled);
});
