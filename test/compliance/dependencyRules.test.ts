import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');

/** One file per rule that breaks it, and what it imports. */
const offences: Readonly<Record<string, readonly [file: string, imports: string]>> = {
  'no-circles': ['sdk/src/client/circle.ts', './circleBack.ts'],
  unresolved: ['sdk/src/client/lost.ts', './nowhere.ts'],
  'nothing-imports-test': ['sdk/src/client/tested.ts', '../../../test/harness/some.ts'],
  'protocol-is-pure': ['sdk/src/protocol/clock.ts', 'node:fs'],
  'sdk-is-the-base': ['sdk/src/client/up.ts', '../../../node/src/worker/some.ts'],
  'circuits-know-no-market': ['circuits/src/market.ts', '../../sdk/src/runtime/some.ts'],
  'one-owner-of-snarkjs': ['node/src/cli/prove.ts', 'snarkjs'],
  'commitment-is-browser-safe': ['circuits/src/commitment/tensorCommitter.ts', 'node:fs'],
  'verify-is-browser-safe': ['circuits/src/verify/prove.ts', 'node:fs'],
  'runtime-stays-in-node': ['sdk/src/client/disk.ts', '../runtime/some.ts'],
  'one-user-of-opentelemetry': ['sdk/src/runtime/spans.ts', '@opentelemetry/api'],
  'one-user-of-anchor': ['validator/src/chain.ts', '@coral-xyz/anchor'],
  'one-user-of-ethers': ['validator/src/evm.ts', 'ethers'],
  'one-user-of-x402': ['web/gateway/pay.ts', '@x402/core'],
  'one-user-of-ai-sdk': ['web/gateway/provider.ts', '@ai-sdk/provider'],
  'ai-sdk-is-browser-safe': ['sdk/src/ai-sdk/key.ts', '../runtime/some.ts'],
  'evm-is-browser-safe': ['sdk/src/evm/key.ts', '../runtime/some.ts'],
  'engines-have-no-network': ['node/src/engines/dial.ts', 'node:net'],
  'exact-page-is-browser-safe': ['node/src/engines/exact/browser/page.ts', '../behindPage.ts'],
  'conversion-is-browser-safe': ['node/src/engines/exact/convert/file.ts', 'node:fs'],
  'worker-is-browser-safe': ['node/src/worker/disk.ts', '../../../sdk/src/runtime/some.ts'],
  'worker-has-no-builtins': ['node/src/worker/file.ts', 'node:fs'],
  'validator-has-its-doors': ['validator/src/peek.ts', '../../node/src/worker/some.ts'],
  'gateway-imports-sdk-only': ['web/gateway/peek.ts', '../../node/src/worker/some.ts'],
  'client-is-browser-safe': ['sdk/src/client/send.ts', '../program/some.ts'],
  'dashboard-has-its-doors': ['web/dashboard/src/peek.ts', '../../../sdk/src/network/some.ts'],
  'dapp-has-its-doors': ['web/dapp/src/peek.ts', '../../../sdk/src/network/some.ts'],
  'nobody-imports-the-page': ['web/gateway/page.ts', '../dashboard/src/some.ts'],
  'node-does-not-judge': ['node/src/cli/judge.ts', '../../../validator/src/some.ts'],
  'localnet-is-a-cluster': ['web/gateway/inside.ts', '../../programs/localnet/src/some.ts'],
  'cluster-knows-no-market': ['programs/localnet/src/market.ts', '../../../sdk/src/network/some.ts'],
  'no-dev-dependencies-in-products': ['node/src/cli/dev.ts', 'vitest'],
};

const innocents = [
  'test/harness',
  'node/src/worker',
  'sdk/src/runtime',
  'sdk/src/network',
  'sdk/src/program',
  'web/dashboard/src',
  'validator/src',
  'programs/localnet/src',
];

let folder: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'karmesh-rules-')));
  const write = async (file: string, content: string): Promise<void> => {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), content);
  };
  await Promise.all(innocents.map((path) => write(`${path}/some.ts`, 'export const some = 1;\n')));
  await write('node/src/engines/exact/behindPage.ts', "import 'node:fs';\n");
  await write('sdk/src/client/circleBack.ts', "import './circle.ts';\n");
  const packages = [
    '@ai-sdk/provider',
    '@coral-xyz/anchor',
    '@opentelemetry/api',
    '@x402/core',
    'ethers',
    'snarkjs',
    'vitest',
  ];
  for (const name of packages) {
    await write(`node_modules/${name}/package.json`, JSON.stringify({ name, main: 'index.js' }));
    await write(`node_modules/${name}/index.js`, '');
  }
  await Promise.all(Object.values(offences).map(([file, imports]) => write(file, `import '${imports}';\n`)));
  await copyFile(join(root, 'tsconfig.json'), join(folder, 'tsconfig.json'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('each import rule fails when it is broken, and only for the file that breaks it', async () => {
  const { forbidden } = (await import(join(root, 'config/dependency-rules.cjs'))).default as {
    forbidden: readonly { name: string }[];
  };
  expect(forbidden.map(({ name }) => name).sort()).toEqual(Object.keys(offences).sort());
  const args = [
    cruiser,
    '--config',
    join(root, 'config/dependency-rules.cjs'),
    '--output-type',
    'json',
    'sdk',
    'circuits',
    'node',
    'validator',
    'web',
    'programs',
    'test',
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, maxBuffer: 1 << 24 });
  const { summary } = JSON.parse(stdout) as {
    summary: { violations: readonly { from: string; rule: { name: string } }[] };
  };
  const broken = Object.fromEntries(
    Object.keys(offences).map((rule) => [
      rule,
      [...new Set(summary.violations.filter((found) => found.rule.name === rule).map(({ from }) => from))].sort(),
    ]),
  );
  const expected = Object.fromEntries(Object.entries(offences).map(([rule, [file]]) => [rule, [file]]));
  expect(broken).toEqual(expected);
});
