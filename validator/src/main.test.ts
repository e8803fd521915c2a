import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
  timeout: 240_000,
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
    paidLamports: '0',
    claimableLamports: '0',
    owed: {
      collectableLamports: '0',
      commission: { lamports: '0', bps: 0 },
      votes: { count: 0, lamports: '0', yoursLamports: '0' },
      stakes: [{ asset: 'lamports', worth: '1000000000', rewardLamports: '0' }],
    },
    karmaMicro: { inference: '0', seeding: '0', uptime: '0', redundancy: '0', validation: '0' },
    duties: { epochs: 0 },
    lastFinalisedEpoch: null,
    lastRoot: '0'.repeat(64),
  });
  const shown = (await run('status', ...withKey(), '--data-dir', dataDir)).stdout;
  expect(shown).toContain('100.00 % of all');
  expect(shown).toContain('next        the first epoch has not begun');
  expect(shown).toContain('to collect  nothing yet');

  // While it runs nothing of its log leaves or comes in.
  const exported = join(folder, 'protection.json');
  const withData = ['--data-dir', dataDir];
  const early2 = await run('slashing-protection', 'export', exported, ...withData, '--json');
  expect([early2.code, errorOf(early2)]).toMatchObject([1, { error: { code: 'STORE_LOCKED' } }]);
  const doctor = await run('doctor', ...withKey(), ...withData, '--json');
  const found = JSON.parse(doctor.stdout) as {
    readonly checks: readonly { readonly name: string; readonly severity: string; readonly sentence: string }[];
  };
  expect(found.checks.map(({ name, severity }) => `${name}: ${severity}`)).toEqual([
    'keypair: ok',
    'cluster: ok',
    'program: ok',
    'parameters: ok',
    'registration: warning',
    'votes: ok',
    'lamports: ok',
    expect.stringMatching(/^clock: /),
    expect.stringMatching(/^disk: /),
    'protection log: ok',
    'models: ok',
    'ports: ok',
    'peers: warning',
  ]);

  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await gone).toEqual([0, null]);

  const out = await run('slashing-protection', 'export', exported, ...withData, '--json');
  expect(JSON.parse(out.stdout)).toMatchObject({ participant, attestations: 0, hasSalts: false });
  // The folder of another machine, which asks the chain whose it is.
  const elsewhere = ['--data-dir', join(folder, 'elsewhere')];
  const imported = await run('slashing-protection', 'import', exported, ...withKey(), ...elsewhere, '--json');
  expect(JSON.parse(imported.stdout)).toMatchObject({ added: 0, closedThrough: { attestation: '-1' } });
  const file = JSON.parse(await readFile(exported, 'utf8'));
  file.metadata.genesis_hash = participant;
  const foreign = join(folder, 'foreign.json');
  await writeFile(foreign, JSON.stringify(file));
  const refused = await run('slashing-protection', 'import', foreign, ...withKey(), ...elsewhere, '--json');
  expect([refused.code, errorOf(refused)]).toMatchObject([1, { error: { code: 'SLASHING_PROTECTION' } }]);
});

test('the commands of stake say what they do, what it costs and what they refuse', { timeout: 180_000 }, async () => {
  const owner = ['--url', url, '--owner', join(folder, 'owner.json')];
  const staked = await run('stake', '0.5sol', ...owner, '--json');
  expect(JSON.parse(staked.stdout)).toMatchObject({ action: 'stake', amount: '500000000', validator: participant });
  const kept = await run('unstake', '1sol', ...owner, '--json');
  expect([kept.code, errorOf(kept)]).toMatchObject([
    1,
    { error: { code: 'STAKE_REFUSED', facts: { unstakeAtMost: '500000000' } } },
  ]);
  const talked = await run('unstake', '0.5sol', ...owner);
  expect(talked.stderr).toMatch(/^Going to take 0\.5 SOL \(500000000 lamports\) of \S+ from behind validator /);
  expect(talked.stderr).toMatch(/^Fee 5000 lamports; who signs pays 0\.000005 SOL \(5000 lamports\) in all\.$/m);
  expect(talked.stdout).toMatch(/^Unstaked 0\.5 SOL \(500000000 lamports\)\.\n.*\nsignature {2}\S+\nhttps:/);
});

test('V-27: a cluster that runs another build of the program is refused, and doctor says so with a cross', {
  timeout: 60_000,
}, async () => {
  const other = ['--program-hash', '0'.repeat(64)];
  const dataDir = join(folder, 'refused');
  const start = await run('start', ...withKey(), ...other, '--data-dir', dataDir, '--json', '--log-level', 'error');
  expect([start.code, errorOf(start)]).toMatchObject([
    1,
    {
      error: {
        code: 'PROGRAM_MISMATCH',
        sentence: 'The cluster runs another build of the karma program than this release.',
        facts: { expected: '0'.repeat(64), retry: expect.stringContaining('--program-hash') },
      },
    },
  ]);
  const doctor = await run('doctor', ...withKey(), ...other, '--data-dir', dataDir);
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toMatch(/^✖ program +The cluster runs another build/m);
  expect(doctor.stdout).toMatch(/^✓ keypair /m);
  expect(doctor.stdout).toMatch(/of 13 checks failed; mend these before you start\.$/m);
});

test('init makes keys and settings once, and takes them up again', { timeout: 60_000 }, async () => {
  const own = join(folder, 'first run');
  await mkdir(own);
  const at = (name: string): string => join(own, name);
  const answers = ['--keypair', at('identity.json'), '--owner', at('owner.json'), '--data-dir', at('data')];
  const args = ['init', '--yes', '--file', at('karmesh.config.json'), ...answers, '--json'];
  await writeFile(at('karmesh.config.json'), JSON.stringify({ worker: { threads: 2 }, validator: { threads: 1 } }));
  const nobody = await run(...args.filter((arg) => arg !== '--yes'));
  expect([nobody.code, errorOf(nobody)]).toMatchObject([2, { error: { code: 'CONFIG_INVALID' } }]);
  const made = JSON.parse((await run(...args)).stdout);
  expect(made).toMatchObject({ identity: { isNew: true }, owner: { isNew: true } });
  expect(made.next).toContain('karmesh validator doctor');
  const again = JSON.parse((await run(...args)).stdout);
  expect(again).toMatchObject({ identity: { address: made.identity.address, isNew: false }, owner: { isNew: false } });
  const settings = JSON.parse(await readFile(at('karmesh.config.json'), 'utf8'));
  expect(settings).toMatchObject({ worker: { threads: 2 }, validator: { threads: 1, url: 'localnet' } });
  // What it wrote is what the other commands read: status takes the identity from it.
  const status = await run('status', '--url', url, '--config', at('karmesh.config.json'), '--json');
  expect(errorOf(status)).toMatchObject({ error: { facts: { identity: made.identity.address } } });
  const same = [...args.slice(0, 4), '--keypair', at('owner.json'), '--owner', at('owner.json'), '--json'];
  expect(errorOf(await run(...same))).toMatchObject({ error: { code: 'CONFIG_INVALID' } });
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
    {
      error: {
        code: 'CONFIG_INVALID',
        facts: {
          known:
            'start, status, evidence, doctor, init, register, stake, unstake, withdraw, rewards, commission, proposals, propose, vote, execute, slashing-protection, sign-epoch',
        },
      },
    },
  ]);
});
