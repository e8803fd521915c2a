import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clusterPreset } from '@karmesh/sdk/clusters';
import { askOnce, createHost, type FrameStream, type Host } from '@karmesh/sdk/network';
import {
  type ChainView,
  commitChain,
  createChainView,
  createProgramClient,
  initialise,
  openEscrow,
  PROGRAM_ID,
  programAddresses,
  registerGateway,
  start,
  toBase58,
  toPublicKey,
  transactionSigner,
} from '@karmesh/sdk/program';
import {
  ACCESS_PROTOCOL,
  accessAnswerCodec,
  accessAskCodec,
  CHAIN_PARAMETERS,
  chainPreimage,
  decode,
  dispatchRecord,
  drawSeed,
  drawWorkers,
  encode,
  equalBytes,
  fromHex,
  INFER_PROTOCOL,
  type InferenceRequest,
  MAX_ACCESS_FRAME_BYTES,
  MAX_INFER_FRAME_BYTES,
  offchainParametersHash,
  PROTOCOL_VERSION,
  requestIdOf,
  signRecord,
  ticketRecord,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { createKeypairFile, type Keypair, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chainOf } from './cli/chainOf.ts';
import { type Running, startProcess } from './fixtures/processes.ts';
import { nextFrame, sendFrame } from './fixtures/workerMarket.ts';

const root = new URL('../../', import.meta.url);
const workerMain = fileURLToPath(new URL('./main.ts', import.meta.url));
const localnetMain = fileURLToPath(new URL('programs/localnet/src/main.ts', root));
const program = fileURLToPath(new URL('programs/karma/karma.so', root));
const preset = clusterPreset('localnet');
const signal = AbortSignal.timeout(600_000);
const open = new AsyncDisposableStack();
const chainSecret = { secret: new Uint8Array(32).fill(5), length: 64 };

interface Market {
  readonly folder: string;
  readonly url: string;
  readonly gateway: Keypair;
  readonly gatewayAddress: Uint8Array;
  readonly escrow: Uint8Array;
  readonly view: ChainView;
  readonly host: Host;
  readonly engineClass: Uint8Array;
  readonly modelId: Uint8Array;
}
let market: Market;

/** A cluster of its own with one gateway and two workers, who register themselves by the command that people use. */
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-node-'));
  open.defer(() => rm(folder, { recursive: true, force: true }));
  const localnet = open.use(
    startProcess(localnetMain, [
      ...['--json', '--port=0', '--slot-ms=400', '--log-level=error'],
      `--data-dir=${join(folder, 'localnet')}`,
      `--program=${toBase58(PROGRAM_ID)}=${program}`,
    ]),
  );
  const url = String((await localnet.ready).rpcUrl);
  const connection = new Connection(url, 'confirmed');
  const names = ['owner', 'gateway', 'worker0', 'worker1'] as const;
  const [owner, gateway, ...identities] = await Promise.all(
    names.map((name) => createKeypairFile(join(folder, `${name}.json`))),
  );
  if (owner === undefined || gateway === undefined) throw new RangeError('four keypairs');
  for (const { publicKey } of [owner, gateway, ...identities])
    await connection.confirmTransaction(
      await connection.requestAirdrop(toPublicKey(publicKey), 500_000_000_000),
      'confirmed',
    );

  const addresses = programAddresses(PROGRAM_ID);
  const payer = transactionSigner(owner);
  const client = createProgramClient({ connection, payer });
  const gatewayAddress = addresses.participant(gateway.publicKey);
  const parameters = CHAIN_PARAMETERS.map((name) => preset.chain[name]);
  const genesis = await client.genesisHash({ signal });
  const setUp = initialise(addresses, {
    payer: owner.publicKey,
    genesis,
    version: PROTOCOL_VERSION,
    parameters,
    offchainParametersHash: offchainParametersHash(preset.offchain),
  });
  await client.send([setUp], { signal });
  const bond = preset.chain.minGatewayBond;
  const register = registerGateway(addresses, { owner: owner.publicKey, identity: gateway.publicKey, bond });
  const deposit = openEscrow(addresses, { buyer: owner.publicKey, gateway: gatewayAddress, amount: 5_000_000_000n });
  await client.send([register, deposit], { signal, signers: [transactionSigner(gateway)] });
  const commitment = chainPreimage(chainSecret, 0n);
  const chains = [0n, 1n, 2n].map((epoch) =>
    commitChain(addresses, { identity: gateway.publicKey, gateway: gatewayAddress, epoch, commitment, length: 64 }),
  );
  await client.send(chains, { signal, signers: [transactionSigner(gateway)] });

  const registered: Readonly<Record<string, unknown>>[] = [];
  for (const name of ['worker0', 'worker1']) {
    await using process = startProcess(workerMain, [
      ...['register', '--json', '--url', url, '--owner', join(folder, 'owner.json')],
      ...['--keypair', join(folder, `${name}.json`)],
    ]);
    registered.push(await process.ready);
  }
  await client.send([start(addresses, { initialiser: owner.publicKey })], { signal });
  const view = open.use(await createChainView({ connection, pollMs: 100, signal }));
  const host = open.use(await createHost({ keypair: gateway, domain: view.config().domain, localnet: true }));
  market = {
    folder,
    url,
    gateway,
    gatewayAddress,
    escrow: addresses.escrow(gatewayAddress, owner.publicKey),
    view,
    host,
    engineClass: fromHex(String(registered[0]?.engineClassId)),
    modelId: fromHex(String(registered[0]?.modelId)),
  };
}, 180_000);
afterAll(() => open.disposeAsync());

function startWorker(name: string, extra: readonly string[] = []): Running {
  return startProcess(workerMain, [
    ...['start', '--json', '--url', market.url, '--keypair', join(market.folder, `${name}.json`)],
    ...['--data-dir', join(market.folder, `${name}.data`), '--log-level', 'warn', ...extra],
  ]);
}

async function ready(worker: Running): Promise<{ readonly identity: string; readonly health: string }> {
  const { multiaddrs, peerId, healthUrl } = await worker.ready;
  await market.host.connect(multiaddrs as string[], { signal });
  return { identity: String(peerId), health: String(healthUrl) };
}

/** Buys one answer from both workers, as a gateway does. */
async function buy(dispatchNumber: number, peers: readonly string[]) {
  const { view, gateway, gatewayAddress, escrow, engineClass, modelId } = market;
  const { domain } = view.config();
  const context = { domain, signer: gateway };
  const request: InferenceRequest = {
    modelId,
    assurance: 'quorum',
    maxTokens: 40,
    temperatureMicro: 0,
    stops: [],
    messages: [{ role: 'user', content: 'What is the capital of Spain?' }],
    blinding: new Uint8Array(32).fill(dispatchNumber),
  };
  const requestId = requestIdOf(domain, request);
  const issuedAtMs = BigInt(Date.now());
  const number = BigInt(dispatchNumber);
  const ticket = signRecord(ticketRecord, context, {
    ...{
      requestId,
      gateway: gatewayAddress,
      ticketNumber: number,
      lane: 0,
      priceCap: 1_000_000_000n,
      unitPrice: 0n,
      escrow,
      issuedAtMs,
    },
  });
  await view.refresh({ signal });
  const dispatch = signRecord(dispatchRecord, context, {
    ticketHash: ticketRecord.hash(domain, ticket.value),
    dispatchNumber: number,
    slot: view.latestSlotHash().slot,
    preimage: chainPreimage(chainSecret, number),
    modelId,
    engineClass,
    assurance: request.assurance,
    dispatchedAtMs: issuedAtMs,
  });
  const streams: FrameStream[] = [];
  for (const peer of peers)
    streams.push(
      await market.host.openStream(
        { peer, protocol: INFER_PROTOCOL, maxFrameBytes: MAX_INFER_FRAME_BYTES },
        { signal },
      ),
    );
  const sealed = await Promise.all(
    streams.map(async (stream) => {
      await sendFrame(stream, { type: 'dispatch', ticket, dispatch, request });
      const accepted = await nextFrame(stream);
      if (accepted.type !== 'accepted')
        throw new Error(JSON.stringify(accepted.type === 'refused' ? accepted.refusal.value.reason : accepted));
      const frame = await nextFrame(stream);
      if (frame.type !== 'sealed') throw new Error(frame.type);
      return { stream, seal: frame.seal };
    }),
  );
  // Seals are exchanged in the order of the draw.
  const { slot, preimage } = dispatch.value;
  const chain = chainOf(view, {
    participant: gatewayAddress,
    offchain: preset.offchain,
    verify: nativeVerifySignature,
  });
  const epoch = chain.epochOf(slot) ?? 0n;
  const seed = drawSeed({ slotHash: chain.slotHash(slot) ?? ZERO_HASH, preimage, dispatchNumber: number });
  const drawn = drawWorkers({ seed, candidates: chain.candidates({ epoch, engineClass, modelId }) ?? [] });
  const seals = drawn.flatMap(({ participant }) =>
    sealed.map(({ seal }) => seal).filter(({ value }) => equalBytes(value.worker, participant)),
  );
  return Promise.all(
    sealed.map(async ({ stream }) => {
      await sendFrame(stream, { type: 'seals', seals });
      const frame = await nextFrame(stream);
      if (frame.type !== 'reveal') throw new Error(frame.type);
      await stream.close();
      return { text: frame.text, receipt: frame.revealed.receipt.value };
    }),
  );
}

test('two worker processes answer, one survives kill -9 and goes on with its counters', async () => {
  await using first = startWorker('worker0');
  await using second = startWorker('worker1');
  const peers = [await ready(first), await ready(second)];
  const bought = await buy(
    1,
    peers.map(({ identity }) => identity),
  );
  expect(bought.map(({ text }) => text)).toEqual(Array(2).fill('The capital of Spain is Madrid.'));
  expect(bought.map(({ receipt }) => receipt.counter)).toEqual([0n, 0n]);
  expect(bought[0]?.receipt.outputHash).toEqual(bought[1]?.receipt.outputHash);

  const metrics = await (await fetch(`${peers[0]?.health}/metrics`)).text();
  expect(metrics).toContain('karmesh_worker_sessions_total{outcome="revealed"} 1');
  expect((await fetch(`${peers[0]?.health}/readyz`)).status).toBe(200);

  await using intruder = startWorker('worker0');
  const refused = await intruder.ended;
  expect(refused.code).toBe(1);
  expect(JSON.parse(refused.stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({ error: { code: 'STORE_LOCKED' } });

  first.kill('SIGKILL');
  expect((await first.ended).code).toBe('SIGKILL');
  await using again = startWorker('worker0');
  const returned = await ready(again);
  const more = await buy(2, [returned.identity, peers[1]?.identity ?? '']);
  const [one, other] = more.map(({ receipt }) => receipt);
  expect(one?.epoch === bought[0]?.receipt.epoch ? one?.counter : 1n).toBe(1n);
  expect(one?.outputHash).toEqual(other?.outputHash);

  again.kill('SIGTERM');
  expect((await again.ended).code).toBe(0);
}, 180_000);

/** Twelve hours from now, for an hour. */
function otherHours(): string {
  const hour = new Date().getHours();
  const clock = (later: number): string => `${String((hour + later) % 24).padStart(2, '0')}:00`;
  return `${clock(12)}-${clock(13)}`;
}

test('W-18: a worker process outside of its hours refuses, and says so wherever its operator looks', async () => {
  const heard = new Promise<string | undefined>((resolve) => {
    market.host.onAnnouncement(({ health }) => {
      if (health?.state === 'outside-hours') resolve(health.state);
    });
  });
  await using resting = startWorker('worker0', ['--hours', otherHours()]);
  const { identity, health } = await ready(resting);
  await expect(buy(3, [identity])).rejects.toThrow('paused');
  expect(await heard).toBe('outside-hours');
  const probe = await fetch(`${health}/readyz`);
  expect([probe.status, await probe.json()]).toMatchObject([
    503,
    { checks: [{ name: 'chain' }, { name: 'limits', ok: false, sentence: 'The worker rests outside of its hours.' }] },
  ]);
  const metrics = await (await fetch(`${health}/metrics`)).text();
  expect(metrics).toContain('karmesh_worker_state_count{state="outside-hours"} 1');
  expect(metrics).toContain('karmesh_worker_refusals_total{reason="paused"} 1');
  resting.kill('SIGTERM');
  const { code, stderr } = await resting.ended;
  expect(code).toBe(0);
  expect(stderr).not.toContain('"level":50');
}, 120_000);

/** What `karmesh worker access` prints for the worker of this name. */
async function access(name: string, ...args: readonly string[]) {
  await using process = startProcess(workerMain, [
    ...['access', ...args, '--json', '--data-dir', join(market.folder, `${name}.data`)],
  ]);
  return await process.ready;
}

test('W-19, W-20: a closed worker works for whom its operator lets in, also after a restart, and no longer once that is revoked', async () => {
  const gateway = toBase58(market.gatewayAddress);
  const closed = () => startWorker('worker0', ['--access', 'ask']);
  await using other = startWorker('worker1');
  const partner = (await ready(other)).identity;
  const askAccess = async (peer: string) => {
    const ask = encode(accessAskCodec, 'access');
    const answer = await askOnce(
      market.host,
      { peer, protocol: ACCESS_PROTOCOL, maxFrameBytes: MAX_ACCESS_FRAME_BYTES, ask },
      { signal },
    );
    return decode(accessAnswerCodec, answer ?? new Uint8Array());
  };
  {
    await using worker = closed();
    const { identity } = await ready(worker);
    await expect(buy(4, [identity, partner])).rejects.toThrow('no-access');
    expect([await askAccess(identity), await askAccess(identity)]).toEqual(['waiting', 'waiting']);
    const asked = { participant: gateway, atMs: expect.any(Number) };
    expect(await access('worker0', 'list')).toEqual({ granted: [], waiting: [asked] });
    expect(await access('worker0', 'grant', gateway)).toEqual({ granted: [gateway], waiting: [] });
    // The worker looks at its list every second.
    await expect.poll(() => askAccess(identity), { timeout: 30_000 }).toBe('granted');
    worker.kill('SIGTERM');
    await worker.ended;
  }
  await using again = closed();
  const { identity } = await ready(again);
  expect((await buy(5, [identity, partner])).map(({ text }) => text)).toEqual(
    Array(2).fill('The capital of Spain is Madrid.'),
  );
  expect(await access('worker0', 'revoke', gateway)).toMatchObject({ granted: [] });
  await expect.poll(() => askAccess(identity), { timeout: 30_000 }).toBe('waiting');
  await expect(buy(6, [identity])).rejects.toThrow('no-access');
}, 180_000);

test.each([
  ['an action that there is none', ['lst']],
  ['no gateway', ['grant']],
  ['what is no address', ['grant', 'me']],
  ['an address that lacks a letter', ['revoke', '1'.repeat(33)]],
  ['a word too many', ['list', 'a', 'b']],
])('access says what is wrong with %s', async (_, args) => {
  await using process = startProcess(workerMain, [
    'access',
    ...args,
    '--json',
    '--data-dir',
    join(market.folder, 'none'),
  ]);
  const { code, stderr } = await process.ended;
  expect([code, JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error.code]).toEqual([2, 'CONFIG_INVALID']);
});

test.each([
  [
    'a keypair that others may read',
    'KEYPAIR_MODE',
    1,
    async (): Promise<string[]> => {
      const path = join(market.folder, 'open.json');
      await writeFile(path, '[]');
      await chmod(path, 0o644);
      return ['--keypair', path];
    },
  ],
  ['a cluster that is down', 'RPC_UNREACHABLE', 1, async () => ['--url', 'http://127.0.0.1:9']],
  [
    'an identity that is not registered',
    'CONFIG_INVALID',
    2,
    async () => ['--keypair', join(market.folder, 'owner.json')],
  ],
  ['a model that is none', 'MODEL_INVALID', 1, async () => ['--model', program]],
  ['a model that needs more memory than it may use', 'CONFIG_INVALID', 2, async () => ['--max-memory-mib', '2']],
  ['hours that make no sense', 'CONFIG_INVALID', 2, async () => ['--hours', '22:00-07:00,late']],
  ['an unknown flag', 'CONFIG_INVALID', 2, async () => ['--colour', 'red']],
] as const)(
  'start says what is wrong with %s',
  async (_, code, exit, flags) => {
    await using process = startWorker('worker1', ['--data-dir', join(market.folder, 'wrong'), ...(await flags())]);
    const { code: ended, stderr } = await process.ended;
    expect({ ended, stderr: JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error.code }).toEqual({
      ended: exit,
      stderr: code,
    });
  },
  60_000,
);
