import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { clusterPreset } from '@karmesh/sdk/clusters';
import { createHost, type Host, topics } from '@karmesh/sdk/network';
import {
  type ChainView,
  commitChain,
  createChainView,
  createProgramClient,
  initialise,
  openEscrow,
  PROGRAM_ID,
  type ProgramClient,
  programAddresses,
  registerGateway,
  registerValidator,
  registerWorker,
  start,
  toBase58,
  toPublicKey,
  transactionSigner,
} from '@karmesh/sdk/program';
import {
  AUDIT_PROTOCOL,
  batchBodyCodec,
  batchRecord,
  CHAIN_PARAMETERS,
  type ChainParameters,
  decodeAuditFrame,
  type Entry,
  encode,
  encodeAuditFrame,
  entryHashOf,
  equalBytes,
  hash,
  MAX_AUDIT_FRAME_BYTES,
  makeDomain,
  offchainParametersHash,
  PROTOCOL_VERSION,
  receiptRecord,
  signedCodec,
  signRecord,
  toHex,
} from '@karmesh/sdk/protocol';
import { generateKeypair, type Keypair, logger, metrics, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Replayer } from './audit/judgeAnswer.ts';
import { chainWriter, followChain } from './chain/followChain.ts';
import { fixtureLocalnet } from './fixtures/localnet.ts';
import { CHAIN_LENGTH, type EntryWish, type FixtureMarket, fixtureMarket, PROMPT_TOKENS } from './fixtures/market.ts';
import { batchRootOf } from './ingest/batchBody.ts';
import { type Validator, validator } from './validator.ts';
import { validatorMetrics } from './validatorMetrics.ts';

const SOL = 1_000_000_000n;
const preset = clusterPreset('localnet');
const chainParameters: ChainParameters = {
  ...preset.chain,
  slotsPerEpoch: 120n,
  closeDelaySlots: 3n,
  proposerWindowSlots: 20n,
  saltRevealSlots: 24n,
  beaconDelaySlots: 28n,
  auditSlots: 30n,
  challengeSlots: 4n,
};
// Every answer is audited, so that each epoch has verdicts.
const offchain = { ...preset.offchain, auditRateQuorum: 10_000n };

/** The tokens that the replay calls a lie, whoever computed them. */
const LIE = 666;

const replayer: Replayer = {
  model: () => ({ activeParameters: 3_277_000n }),
  replay: async ({ tokens }) => ({
    promptTokens: PROMPT_TOKENS,
    end: 'right',
    measurements: {
      tokens: tokens.length,
      differing: 0,
      largestGapMicro: tokens.includes(LIE) ? 9_000_000n : 0n,
      gapSumMicro: 0n,
    },
  }),
};

const stack = new AsyncDisposableStack();
const ending = new AbortController();
const { signal } = ending;
const operator = generateKeypair();
const buyer = generateKeypair();
const folders: string[] = [];
const log = logger({ name: 'test', level: process.env.KARMESH_LOG === 'info' ? 'info' : 'error' })();
const wishes: EntryWish[] = [];
let market: FixtureMarket;
let client: ProgramClient;
let view: ChainView;
let gatewayHost: Host;
let bootstrap: readonly string[] = [];
const bodies = new Map<string, Uint8Array>();
const hosts: Host[] = [];
const running: Validator[] = [];

beforeAll(async () => {
  const folder = await temporary();
  const cluster = stack.use(
    await fixtureLocalnet({ programId: toBase58(PROGRAM_ID), slotMs: 100, dataDir: join(folder, 'ledger') }),
  );
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  client = createProgramClient({ connection, payer: transactionSigner(operator) });
  const genesis = await client.genesisHash({ signal });
  const addresses = programAddresses(PROGRAM_ID);
  let epochZeroSlot = 0n;
  market = fixtureMarket({
    slotsPerEpoch: chainParameters.slotsPerEpoch,
    domain: makeDomain({ genesisHash: genesis, programId: PROGRAM_ID }),
    addressOf: (_, identity) => addresses.participant(identity),
    escrowOf: (gateway) => addresses.escrow(gateway, buyer.publicKey),
    epochZeroSlot: () => epochZeroSlot,
    slotHash: (slot) => {
      const found = view.slotHash(slot);
      if (found === undefined) throw new RangeError('The slot has no hash.');
      return found;
    },
  });
  await setUp();
  view = stack.use(await createChainView({ connection, pollMs: 50, signal }));
  epochZeroSlot = view.config().epochZeroSlot;

  gatewayHost = await openHost(market.gateway.keypair);
  bootstrap = gatewayHost.addresses();
  await gatewayHost.serveByHash(async (wanted) => bodies.get(toHex(wanted)));
  // A publisher takes part in its topic.
  gatewayHost.subscribe(topics.batches, () => 'accept');
  for (const [i, worker] of market.workers.entries()) await startWorker(i, worker.keypair, worker.address);
  for (const member of market.validators) running.push(await startValidator(member, cluster.rpcUrl, await temporary()));
}, 120_000);

afterAll(async () => {
  for (const one of running) await one[Symbol.asyncDispose]();
  await Promise.all(hosts.map((host) => host[Symbol.asyncDispose]()));
  ending.abort();
  await stack.disposeAsync();
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
}, 60_000);

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'validator-epoch-'));
  folders.push(folder);
  return folder;
}

async function openHost(keypair: Keypair): Promise<Host> {
  const host = await createHost({
    keypair,
    domain: market.domain,
    bootstrap,
    localnet: true,
    verify: nativeVerifySignature,
  });
  hosts.push(host);
  return host;
}

async function send(
  instructions: Parameters<ProgramClient['send']>[0],
  signers: readonly Keypair[] = [],
): Promise<void> {
  await client.send(instructions, { signal, signers: signers.map(transactionSigner) });
}

async function setUp(): Promise<void> {
  const { addresses, connection } = client;
  const identities = [market.gateway, ...market.workers, ...market.validators].map(({ keypair }) => keypair);
  for (const key of [operator, buyer, ...identities]) {
    const signature = await connection.requestAirdrop(toPublicKey(key.publicKey), Number(20n * SOL));
    await connection.confirmTransaction(signature, 'confirmed');
  }
  await send([
    initialise(addresses, {
      payer: operator.publicKey,
      genesis: await client.genesisHash({ signal }),
      version: PROTOCOL_VERSION,
      parameters: CHAIN_PARAMETERS.map((name) => chainParameters[name]),
      offchainParametersHash: offchainParametersHash(offchain),
    }),
  ]);
  const keys = (keypair: Keypair) => ({ owner: operator.publicKey, identity: keypair.publicKey, bond: SOL });
  await send([registerGateway(addresses, keys(market.gateway.keypair))], [market.gateway.keypair]);
  for (const { keypair } of market.workers) {
    const offer = { engineClass: market.engineClass, models: [market.modelId] };
    await send([registerWorker(addresses, { ...keys(keypair), ...offer })], [keypair]);
  }
  for (const { keypair } of market.validators) await send([registerValidator(addresses, keys(keypair))], [keypair]);
  await send(
    [openEscrow(addresses, { gateway: market.gateway.address, buyer: buyer.publicKey, amount: 5n * SOL })],
    [buyer],
  );
  for (const epoch of [0n, 1n, 2n]) {
    const chain = { epoch, commitment: market.commitment(epoch), length: CHAIN_LENGTH };
    const gateway = { identity: market.gateway.keypair.publicKey, gateway: market.gateway.address };
    await send([commitChain(addresses, { ...gateway, ...chain })], [market.gateway.keypair]);
  }
  await send([start(addresses, { initialiser: operator.publicKey })]);
}

/** A worker as its auditors meet it: it opens what it was asked for. */
async function startWorker(index: number, keypair: Keypair, address: Uint8Array): Promise<void> {
  const host = await openHost(keypair);
  await host.handle({
    protocol: AUDIT_PROTOCOL,
    maxStreams: 8,
    maxFrameBytes: MAX_AUDIT_FRAME_BYTES,
    handler: async (stream) => {
      const bytes = await stream.receive({ signal: stream.signal });
      if (bytes === undefined) return;
      const ask = decodeAuditFrame(bytes);
      if (ask.type !== 'ask') return;
      const entryHash = entryHashOf(ask.entry);
      const wish = wishes.find((one) => equalBytes(entryHashOf(market.entry(one)), entryHash));
      const own = ask.entry.evidence.receipts.find(({ receipt }) => equalBytes(receipt.value.worker, address));
      if (wish === undefined || own === undefined) return;
      const receiptHash = receiptRecord.hash(market.domain, own.receipt.value);
      const opened = { request: market.request(wish), tokens: market.tokens(wish), salt: own.body.salt, receiptHash };
      await stream.send(encodeAuditFrame({ type: 'open', ...opened }), { signal: stream.signal });
    },
  });
  host.announce({ role: 'worker', participant: address, engineClass: market.engineClass, models: [market.modelId] });
  expect(index).toBeGreaterThanOrEqual(0);
}

async function startValidator(
  member: FixtureMarket['validators'][number],
  rpcUrl: string,
  folder: string,
): Promise<Validator> {
  const { keypair, address } = member;
  const connection = new Connection(rpcUrl, 'confirmed');
  const own = createProgramClient({ connection, payer: transactionSigner(keypair) });
  const ownView = stack.use(await createChainView({ connection, pollMs: 100, signal }));
  const host = await openHost(keypair);
  const made = await validator({ folder, pollMs: 100 })({
    domain: market.domain,
    me: address,
    keypair,
    offchain,
    chain: followChain({ view: ownView, client: own, me: address }),
    writer: chainWriter({ client: own, me: address, identity: keypair.publicKey }),
    host,
    replayer,
    verify: nativeVerifySignature,
    nowMs: Date.now,
    sleep: (ms, options) => pause(ms, undefined, options).catch(() => undefined),
    log: log.child({ validator: member.index }),
    metrics: validatorMetrics(metrics({ processMetrics: false })),
  });
  host.announce({ role: 'validator', participant: address });
  return made;
}

/** Resolves once the chain shows it. */
async function until(what: string, holds: () => boolean): Promise<void> {
  while (!holds()) {
    await pause(50, undefined, { signal });
    const { error } = view.staleness();
    if (error !== undefined) throw new Error(`While waiting for ${what}`, { cause: error });
  }
}

async function publish(
  entries: readonly Entry[],
  options: { readonly epoch: bigint; readonly sequence: bigint },
): Promise<void> {
  const body = encode(batchBodyCodec, entries);
  bodies.set(toHex(hash(body)), body);
  const batch = signRecord(
    batchRecord,
    { domain: market.domain, signer: market.gateway.keypair },
    {
      producer: market.gateway.address,
      ...options,
      merkleRoot: batchRootOf(market.domain, { epoch: options.epoch, entries }),
      bodyHash: hash(body),
      count: entries.length,
      issuedAtMs: 1n,
    },
  );
  await gatewayHost.publish(topics.batches, encode(signedCodec(batchRecord), batch));
}

test('four validators take a set to a final root: honest workers earn and are paid, liars do not', {
  timeout: 180_000,
}, async () => {
  await until('epoch 0', () => view.epoch() === 0n && view.latestSlotHash().slot > view.config().epochZeroSlot + 2n);
  const { slot } = view.latestSlotHash();
  wishes.push({ dispatchNumber: 1, slot }, { dispatchNumber: 2, slot, tokens: [1, 2, LIE] });
  const entries = wishes.map((wish) => market.entry(wish));
  await until('the peers', () => gatewayHost.peers().length >= 9);
  await publish(entries, { epoch: 0n, sequence: 1n });
  await until('the entries', () => running.every((one) => one.entries(0n) === 2));
  await until('a final epoch', () => view.config().lastFinalisedEpoch === 0n);

  const [honest, lying] = entries;
  const price = honest?.outcome.value.price ?? 0n;
  expect(lying?.outcome.value.price).toBeGreaterThan(0n);
  const account = view.epochAccount(0n);
  expect(account).toMatchObject({ entryCount: 2, settledCount: 1, settledLamports: price, carriedCount: 0 });
  const paid = new Set(honest?.evidence.receipts.map(({ receipt }) => toHex(receipt.value.worker)));
  expect(paid.size).toBe(3);
  const share = (price * 8_000n) / 10_000n / 3n;
  await until('the claims', () =>
    view.participants().every((one) => !paid.has(toHex(one.address)) || one.lifetimePaid === share),
  );
  for (const worker of market.workers) {
    const one = view.participant(worker.address);
    const earned = paid.has(toHex(worker.address));
    expect([one?.lifetimePaid, (one?.lifetime[0] ?? 0n) > 0n, (one?.lifetime[3] ?? 0n) > 0n]).toEqual([
      earned ? share : 0n,
      earned,
      earned,
    ]);
  }
  // Three verdicts: one on the honest answer, two on the lie.
  const validation = market.validators.reduce(
    (sum, one) => sum + (view.participant(one.address)?.lifetime[4] ?? 0n),
    0n,
  );
  expect(view.epochAccount(0n)?.totals[4]).toBe(30_000n);
  expect(validation).toBeLessThanOrEqual(30_000n);
  await until('the ledgers', () => running.every((one) => one.ledgerEpoch() === 0n));
});
