import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  collectSignatures,
  connectProofs,
  deployProofs,
  evmAddressOf,
  evmValidatorSet,
  parseEvmAddress,
  parseSignedStatement,
  signedStatementJson,
} from '@karmesh/sdk/evm';
import { createSecp256k1KeyFile, type Secp256k1Key } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGuide } from '../e2e/guideBlocks.ts';
import { makeReport, settlement, toFinalised } from '../program/epochSteps.ts';
import { clusterLedger } from '../program/ledger/clusterLedger.ts';
import type { ConnectedLedger } from '../program/ledger/connectedLedger.ts';
import { buildWorld, readEpoch, readParticipant, startWorld, type World } from '../program/world.ts';
import { gasLimit } from './scene.ts';
import { type Anvil, noAnvil, startAnvil, WITH_ANVIL } from './startAnvil.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'validator/src/main.ts');

describe.skipIf(noAnvil)(WITH_ANVIL, () => {
  const ending = new AbortController();
  const { signal } = ending;
  const stack = new AsyncDisposableStack();
  let folder: string;
  let keys: readonly Secp256k1Key[];
  let ledger: ConnectedLedger;
  let world: World;
  let anvil: Anvil;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'karmesh-sign-epoch-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    keys = await Promise.all([0, 1, 2].map((i) => createSecp256k1KeyFile(join(folder, `evm-${i}.key`))));
    [ledger, anvil] = await Promise.all([clusterLedger({ kind: 'localnet', slotMs: 50, signal }), startAnvil()]);
    stack.use(ledger);
    stack.use(anvil);
    // The fourth has no key, and counts all the same.
    world = await buildWorld(ledger, { evmKeys: keys });
    await startWorld(world);
    await toFinalised(
      world,
      await makeReport(world, { epoch: 0n, earned: new Map(), settlements: [settlement(world, 1_000_000n)] }),
    );
  }, 120_000);
  afterAll(async () => {
    ending.abort();
    await stack.disposeAsync();
  });

  /** What the command says, or the error that it ends with. */
  const signEpoch = (key: string, contract: string, ...args: readonly string[]) =>
    new Promise<{ readonly code: number; readonly stdout: string; readonly error: unknown }>((resolve) => {
      const all = [
        main,
        'sign-epoch',
        '--url',
        ledger.connection.rpcEndpoint,
        '--evm-key',
        key,
        '--evm-chain-id',
        '31337',
        '--contract',
        contract,
      ];
      execFile(process.execPath, [...all, '--json', ...args], (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code);
        resolve({
          code,
          stdout,
          error: stderr === '' ? undefined : JSON.parse(stderr.trim().split('\n').at(-1) ?? ''),
        });
      });
    });

  test('Z-52: what validators print of a final epoch moves the contract, and what it says is what the cluster has', async () => {
    const participants = await Promise.all(world.validators.map(({ address }) => readParticipant(world, address)));
    const set = evmValidatorSet(participants, 0n);
    expect(set).toEqual({
      totalStake: 8_000_000_000n,
      validators: keys
        .map(({ address }) => ({ signer: evmAddressOf(address), stake: 2_000_000_000n }))
        .sort((a, b) => (a.signer < b.signer ? -1 : 1)),
    });
    const options = { signal, gasLimit };
    const client = await deployProofs(
      { domain: world.domain, fromEpoch: 0n, set },
      { runner: anvil.chain.runner, ...options },
    );
    const { address } = client.contract;
    const printed = await Promise.all(keys.map((_, i) => signEpoch(join(folder, `evm-${i}.key`), address)));
    expect(printed.map(({ code, error }) => [code, error])).toEqual([
      [0, undefined],
      [0, undefined],
      [0, undefined],
    ]);
    const [first, ...others] = printed.map(({ stdout }) => parseSignedStatement(stdout));
    if (first?.statement.kind !== 'epoch') throw new Error('There is no statement about an epoch.');
    expect(`${signedStatementJson(first)}\n`).toBe(printed[0]?.stdout);
    const { receiptSetRoot, entryCount } = await readEpoch(world, 0n);
    expect(first.contract).toEqual(client.contract);
    expect(first.statement).toEqual({
      kind: 'epoch',
      epoch: 0n,
      receiptSetRoot: Uint8Array.from(receiptSetRoot),
      entryCount,
      next: set,
    });
    expect(others.map(({ statement }) => statement)).toEqual([first.statement, first.statement]);

    const { contract, statement } = first;
    const all = [first, ...others].map(({ signature }) => signature);
    expect(() => collectSignatures({ contract, set, statement, signatures: all.slice(1) })).toThrow(
      'no more than two thirds',
    );
    await client.advance(statement, collectSignatures({ contract, set, statement, signatures: all }), options);
    expect(await client.receiptSet(0n, options)).toEqual({
      receiptSetRoot: Uint8Array.from(receiptSetRoot),
      entryCount,
    });
    expect(await client.nextEpoch(options)).toBe(1n);
  });

  test('docs/guides/evm.md: its files begin a contract and bring an epoch, as they stand there', async () => {
    for (const block of await readGuide('docs/guides/evm.md'))
      if (block.kind === 'file') await writeFile(join(folder, block.name), block.text);
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    const payer = join(folder, 'payer.key');
    await writeFile(payer, `0x${Buffer.from(anvil.account.secretKey()).toString('hex')}\n`, { mode: 0o600 });
    const follow = async (...args: readonly string[]): Promise<string> =>
      (await promisify(execFile)(process.execPath, [...args], { cwd: folder })).stdout.trim();
    const address = await follow('deploy.ts', ledger.connection.rpcEndpoint, anvil.url, payer, '0');
    const files = await Promise.all(
      keys.map(async (_, i) => {
        const file = join(folder, `signed-${i}.json`);
        await writeFile(file, (await signEpoch(join(folder, `evm-${i}.key`), address)).stdout);
        return file;
      }),
    );
    expect(await follow('collect.ts', anvil.url, payer, ...files)).toMatch(/^0x[0-9a-f]{64} [0-9]+n$/);
    const client = await connectProofs(parseEvmAddress(address), { runner: anvil.chain.runner, signal });
    expect([await client.nextEpoch({ signal }), client.contract.domain]).toEqual([1n, Uint8Array.from(world.domain)]);
  });

  test('nothing is signed of an epoch that is not final, by a key that nobody registered, or that others can read', async () => {
    const contract = `0x${'11'.repeat(20)}`;
    const stranger = join(folder, 'stranger.key');
    const { address } = await createSecp256k1KeyFile(stranger);
    const open = join(folder, 'open.key');
    await createSecp256k1KeyFile(open);
    expect((await stat(open)).mode & 0o777).toBe(0o600);
    await chmod(open, 0o644);
    const own = join(folder, 'evm-0.key');
    expect(
      await Promise.all([
        signEpoch(own, contract, '--epoch', '1'),
        signEpoch(stranger, contract),
        signEpoch(open, contract),
        signEpoch(own, '0x11'),
      ]),
    ).toMatchObject([
      {
        code: 2,
        stdout: '',
        error: { error: { code: 'CONFIG_INVALID', facts: { epoch: '1', lastFinalisedEpoch: '0' } } },
      },
      { code: 2, stdout: '', error: { error: { code: 'CONFIG_INVALID', facts: { signer: evmAddressOf(address) } } } },
      { code: 1, stdout: '', error: { error: { code: 'KEYPAIR_MODE', facts: { path: open, mode: '0644' } } } },
      { code: 2, stdout: '', error: { error: { code: 'CONFIG_INVALID' } } },
    ]);
  });
});
