import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type GuideBlock, readGuide } from './guideBlocks.ts';
import { openGuideReader, quickMarket } from './guideReader.ts';

// Guides as written: their blocks are pasted into shells, one after the other, in what looks like a fresh clone. Here the buyer's;
// guides.long.test.ts follows the worker's, and what can be said in a moment is said of all.

const root = fileURLToPath(new URL('../../', import.meta.url));
const guides = (await readdir(`${root}docs/guides`)).sort().map((name) => `docs/guides/${name}`);
const pages = new Map<string, readonly GuideBlock[]>();
for (const path of ['README.md', ...guides]) pages.set(path, await readGuide(path));

const placed = [...pages].flatMap(([path, blocks]) =>
  blocks.map((block) => ({ ...block, place: `${path}:${block.line}` })),
);
const isShell = ({ kind }: GuideBlock): boolean => kind === 'shell' || kind === 'keepsRunning' || kind === 'skipped';

test('every block for a shell parses', () => {
  const faults = placed.filter(isShell).flatMap(({ place, text }) => {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
    return status === 0 ? [] : [`${place}: ${stderr}`];
  });
  expect(faults).toEqual([]);
});

test('every block of TypeScript parses and has a name to be saved under', () => {
  const files = placed.filter((block) => block.kind === 'file');
  expect(files.map(({ name }) => name)).toEqual([
    'verify.ts',
    'aiSdk.ts',
    'ask.ts',
    'key.ts',
    'voucher.ts',
    'upto.ts',
    'deploy.ts',
    'collect.ts',
  ]);
  for (const { text } of files) expect(stripTypeScriptTypes(text).length).toBe(text.length);
});

/** The help of each command by its words, from the page that another test compares with the commands. */
async function readHelp(): Promise<ReadonlyMap<string, string>> {
  const sections = (await readFile(`${root}docs/reference/commands.md`, 'utf8')).split(/^## /m).slice(1);
  return new Map(sections.map((section) => [section.slice(0, section.indexOf('\n')), section] as const));
}

/** The calls of our commands in a block, each as its words. */
function callsIn(text: string): readonly (readonly string[])[] {
  const joined = text.replaceAll('\\\n', ' ');
  const called = /(?:^|[\s(;])(?:npm run (?:--silent )?(up|karmesh)(?: --(?= ))?|(karmesh)(?= ))([^|;)\n]*)/gm;
  return [...joined.matchAll(called)].map(([, script, , args = '']) => [
    'karmesh',
    ...(script === 'up' ? ['up'] : []),
    ...args.split(/\s+/).filter((word) => word !== ''),
  ]);
}

test('every command in a block exists and has the flags that it is called with', async () => {
  const help = await readHelp();
  const commands = [...help.keys()].sort((a, b) => b.length - a.length);
  const faults: string[] = [];
  let calls = 0;
  for (const { place, text } of placed.filter(isShell)) {
    for (const words of callsIn(text)) {
      const line = words.join(' ');
      // What a function passes on.
      if (line === 'karmesh "$@"') continue;
      calls += 1;
      const command = commands.find((name) => `${line} `.startsWith(`${name} `));
      const known = new Set((command === undefined ? '' : (help.get(command) ?? '')).match(/--[a-z-]+/g));
      if (command === undefined || command === 'karmesh') faults.push(`${place}: there is no "${line}"`);
      for (const word of words) {
        const [flag] = /^--[a-z-]+/.exec(word) ?? [];
        if (flag !== undefined && !known.has(flag)) faults.push(`${place}: "${command}" has no ${flag}`);
      }
    }
  }
  expect(faults).toEqual([]);
  expect(calls).toBeGreaterThan(15);
});

test('what nobody runs says why', () => {
  const skipped = placed.flatMap((block) =>
    block.kind === 'skipped' ? [`${block.place.replace(/:\d+$/, '')}: ${block.reason}`] : [],
  );
  expect(skipped).toMatchInlineSnapshot(`
    [
      "docs/guides/build-a-dapp.md: needs a gateway that takes payments",
      "docs/guides/buy-inference.md: takes some epochs",
      "docs/guides/ceremony.md: the powers of tau for this model's attention take hours",
      "docs/guides/ceremony.md: needs those keys",
      "docs/guides/ceremony.md: needs those keys",
      "docs/guides/deploy.md: builds the linker",
      "docs/guides/deploy.md: costs devnet's SOL, whose faucet is limited",
      "docs/guides/deploy.md: MULTISIG and VAULT stand for yours",
      "docs/guides/deploy.md: needs that multisig",
      "docs/guides/evm.md: needs a final epoch and a contract",
      "docs/guides/gateway.md: bonds on another cluster",
      "docs/guides/gateway.md: joins another cluster",
      "docs/guides/gateway.md: needs the database of a gateway",
      "docs/guides/gateway.md: needs the database of a gateway",
      "docs/guides/monitoring.md: needs a collector",
      "docs/guides/run-a-validator.md: you are reading it in one",
      "docs/guides/run-a-worker.md: ends the worker of this page",
      "docs/guides/run-a-worker.md: GATEWAY stands for the address of one that has asked",
      "docs/guides/run-a-worker.md: my.gguf stands for a model of your own",
      "docs/guides/run-a-worker.md: my.gguf stands for a model of your own, and Rust builds the prover",
      "docs/guides/run-a-worker.md: needs the keys of a ceremony",
      "docs/guides/run-a-worker.md: needs such a server",
      "docs/guides/validator-care.md: installs a service",
      "docs/guides/validator-care.md: the validator of run-a-validator.md has to be stopped first",
      "docs/guides/validator-care.md: stands for another machine",
      "docs/guides/validator-care.md: upgrades a service",
    ]
  `);
});

test('a command that fails ends the reading and shows what was printed', async () => {
  await using reader = await openGuideReader({ env: {} });
  const block = (text: string): GuideBlock => ({ line: 1, text, kind: 'shell' });
  expect(await reader.follow(block('KEPT=yes\ncat package.json | grep \'"name"\'\n'))).toContain('"name": "karmesh"');
  expect(await reader.follow(block('echo "$KEPT" "$PWD"\n'))).toContain(`yes ${reader.folder}`);
  await expect(reader.follow(block('echo before\nfalse | cat\necho after\n'))).rejects.toThrow(/before\n$/);
});

test('buy-inference: the answer comes, and its bundle verifies', { timeout: 900_000 }, async () => {
  await using reader = await openGuideReader({ env: quickMarket });
  const printed: string[] = [];
  for (const block of await readGuide('docs/guides/buy-inference.md')) printed.push(await reader.follow(block));
  const answer = JSON.parse(await readFile(join(reader.folder, 'answer.json'), 'utf8'));
  expect(answer).toMatchObject({ model: 'tiny-spike', karmesh: { quorum: { verdict: 'agreed' } } });
  expect(printed.join('')).toContain(`The answer to request ${answer.karmesh.requestId} holds.`);
});
