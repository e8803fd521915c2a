import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  createProgramClient,
  initialise,
  PROGRAM_ID,
  toBase58,
  toPublicKey,
  transactionSigner,
} from '@karmesh/sdk/program';
import { CHAIN_PARAMETERS, offchainParametersHash, PROTOCOL_VERSION, toHex } from '@karmesh/sdk/protocol';
import { createKeypairFile, createSecp256k1KeyFile } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixtureLocalnet } from './fixtures/localnet.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const stack = new AsyncDisposableStack();
const ending = new AbortController();
const { signal } = ending;
let folder = '';
let url = '';
let participant = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'validator-main-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const programId = toBase58(PROGRAM_ID);
  const cluster = stack.use(await fixtureLocalnet({ programId, slotMs: 100, dataDir: join(folder, 'ledger') }));
  url = cluster.rpcUrl;
  const [owner, identity] = await Promise.all(
    ['owner.json', 'identity.json'].map((name) => createKeypairFile(join(folder, name))),
  );
  if (owner === undefined || identity === undefined) throw new RangeError('Two keypairs were made.');
  const connection = new Connection(url, 'confirmed');
  for (const { publicKey } of [owner, identity]) {
    const signature = await connection.requestAirdrop(toPublicKey(publicKey), 20_000_000_000);
    await connection.confirmTransaction(signature, 'confirmed');
  }
  const client = createProgramClient({ connection, payer: transactionSigner(owner) });
  participant = toBase58(client.addresses.participant(identity.publicKey));
  const preset = clusterPreset('localnet');
  const instruction = initialise(client.addresses, {
    payer: owner.publicKey,
    genesis: await client.genesisHash({ signal }),
    version: PROTOCOL_VERSION,
    parameters: CHAIN_PARAMETERS.map((name) => preset.chain[name]),
    offchainParametersHash: offchainParametersHash(preset.offchain),
  });
  await client.send([instruction], { signal });
}, 120_000);
afterAll(async () => {
  ending.abort();
  await stack.disposeAsync();
}, 60_000);

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function launch(args: readonly string[]) {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(...args: readonly string[]): Promise<Ended> {
  const child = launch(args);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'exit');
  return { code: child.exitCode, stdout, stderr };
}

const withKey = (): string[] => ['--url', url, '--keypair', join(folder, 'identity.json')];
const errorOf = ({ stderr }: Ended): unknown => JSON.parse(stderr.trim().split('\n').at(-1) ?? '');

test('a validator registers, starts, keeps a second process out, shows its status and ends in order', {
  timeout: 180_000,
}, async () => {
  const dataDir = join(folder, 'data');
  const early = await run('start', ...withKey(), '--data-dir', dataDir, '--json');
  expect([early.code, errorOf(early)]).toMatchObject([2, { error: { code: 'CONFIG_INVALID' } }]);

  const evmKey = join(folder, 'evm.key');
  const { address } = await createSecp256k1KeyFile(evmKey);
  const bonded = ['--owner', join(folder, 'owner.json'), '--evm-key', evmKey];
  const registered = await run('register', ...withKey(), ...bonded, '--json');
  expect(registered.code).toBe(0);
  const evmAddress = `0x${toHex(address)}`;
  expect(JSON.parse(registered.stdout)).toMatchObject({ participant, bond: '1000000000', evmAddress });

  const child = launch(['start', ...withKey(), '--data-dir', dataDir, '--json', '--log-level', 'error']);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as string[];
  const ready = JSON.parse(line ?? '') as { readonly healthUrl: string };
  expect(ready).toMatchObject({
    event: 'ready',
    participant,
    multiaddrs: [expect.stringContaining('/ip4/127.0.0.1/tcp/')],
  });
  const metrics = await (await fetch(`${ready.healthUrl}/metrics`)).text();
  for (const name of [
    'ingested_total',
    'duties_total',
    'audits_total',
    'audit_duration_seconds',
    'votes_total',
    'epoch_phase_info',
  ]) {
    expect(metrics).toContain(`# TYPE karmesh_validator_${name}`);
  }
  expect((await fetch(`${ready.healthUrl}/readyz`)).status).toBe(200);

  const second = await run('start', ...withKey(), '--data-dir', dataDir, '--json');
  expect([second.code, errorOf(second)]).toMatchObject([
    1,
    { error: { code: 'STORE_LOCKED', facts: { pid: child.pid } } },
  ]);

  const status = await run('status', ...withKey(), '--data-dir', dataDir, '--json');
  expect(JSON.parse(status.stdout)).toMatchObject({
    validator: participant,
    epoch: null,
    phase: 'open',
    stakeLamports: '1000000000',
    stakeShareBps: 10_000,
    karmaMicro: { inference: '0', seeding: '0', uptime: '0', redundancy: '0', validation: '0' },
    duties: { epochs: 0 },
    lastFinalisedEpoch: null,
    lastRoot: '0'.repeat(64),
  });
  expect((await run('status', ...withKey(), '--data-dir', dataDir)).stdout).toContain('100.00 % of all');

  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await gone).toEqual([0, null]);
});

test('a cluster that does not answer, and a command that is not there, are said', { timeout: 60_000 }, async () => {
  const identity = join(folder, 'identity.json');
  const [down, unknown] = await Promise.all([
    run('status', '--url', 'http://127.0.0.1:9', '--keypair', identity, '--json'),
    run('dance', '--json'),
  ]);
  expect([down.code, errorOf(down)]).toMatchObject([1, { error: { code: 'RPC_UNREACHABLE' } }]);
  expect([unknown.code, errorOf(unknown)]).toMatchObject([
    2,
    { error: { code: 'CONFIG_INVALID', facts: { known: 'start, status, register, sign-epoch' } } },
  ]);
});
