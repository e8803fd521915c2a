import {
  createChainView,
  createProgramClient,
  depositEscrow,
  initialise,
  PROGRAM_ID,
  type ProgramClient,
  rotateIdentity,
  start,
  toBase58,
  toPublicKey,
  transactionSigner,
} from '@karmesh/sdk/program';
import { equalBytes, PROTOCOL_VERSION, type Report } from '@karmesh/sdk/protocol';
import { Connection } from '@solana/web3.js';
import { describe, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../harness/cluster.ts';
import { voteBy } from './challengeSteps.ts';
import { makeReport, toVerdicts } from './epochSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import { clusterLedger } from './ledger/clusterLedger.ts';
import { PROGRAM_FILE } from './ledger/programFile.ts';
import {
  admit,
  contextOf,
  readKeyAttestation,
  readLayer,
  readModelKeys,
  readProven,
  recordOf,
  registryOf,
  sendLayer,
  sendProof,
  TOKEN,
} from './proofSteps.ts';
import { trapdoorKey } from './trapdoorKey.ts';
import {
  buildWorld,
  type Member,
  OFFCHAIN_HASH,
  PARAMETERS,
  parameterList,
  SOL,
  startWorld,
  type World,
} from './world.ts';

const operator = namedKey('operator');
const payer = transactionSigner(operator);

interface Running {
  readonly cluster: Cluster;
  readonly connection: Connection;
  readonly client: ProgramClient;
}

async function localnet(stack: AsyncDisposableStack, signal: AbortSignal): Promise<Running> {
  const programs = [{ id: toBase58(PROGRAM_ID), path: PROGRAM_FILE }];
  const cluster = stack.use(await startCluster({ slotMs: 50, programs }));
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  const client = createProgramClient({ connection, payer });
  await connection.requestAirdrop(toPublicKey(operator.publicKey), Number(10n * SOL));
  while ((await client.balance(operator.publicKey, { signal })) === 0n) signal.throwIfAborted();
  return { cluster, connection, client };
}

async function initialised(running: Running, signal: AbortSignal, genesis?: Uint8Array): Promise<void> {
  const { client } = running;
  const instruction = initialise(client.addresses, {
    payer: operator.publicKey,
    genesis: genesis ?? (await client.genesisHash({ signal })),
    version: PROTOCOL_VERSION,
    parameters: parameterList(PARAMETERS),
    offchainParametersHash: OFFCHAIN_HASH,
  });
  await client.send([instruction], { signal, pollMs: 20 });
}

describe('the program client on localnet', { timeout: 60_000 }, () => {
  test('a cluster without the program set up, with it, and with the genesis of another', async ({ signal }) => {
    await using stack = new AsyncDisposableStack();
    const running = await localnet(stack, signal);
    const { client, connection } = running;
    await expect(client.checkCluster({ signal })).rejects.toMatchObject({
      code: 'PROGRAM_MISMATCH',
      facts: { programId: toBase58(PROGRAM_ID) },
    });
    await expect(createChainView({ connection, pollMs: 20, signal })).rejects.toMatchObject({
      code: 'PROGRAM_MISMATCH',
    });
    expect(await client.config({ signal })).toBeUndefined();

    await initialised(running, signal, namedHash('another genesis'));
    const mismatch = {
      code: 'GENESIS_MISMATCH',
      facts: {
        expected: toBase58(namedHash('another genesis')),
        found: toBase58(await client.genesisHash({ signal })),
      },
    };
    await expect(client.checkCluster({ signal })).rejects.toMatchObject(mismatch);
    await expect(createChainView({ connection, pollMs: 20, signal })).rejects.toMatchObject(mismatch);
  });

  test('refused transactions have their numbered name, and an aborted one its code', async ({ signal }) => {
    await using stack = new AsyncDisposableStack();
    const running = await localnet(stack, signal);
    const { client } = running;
    await initialised(running, signal);
    expect((await client.checkCluster({ signal })).genesis).toEqual(await client.genesisHash({ signal }));
    const again = start(client.addresses, { initialiser: operator.publicKey });
    await client.send([again], { signal, pollMs: 20 });
    await expect(client.send([again], { signal, computeUnits: 100_000 })).rejects.toMatchObject({
      code: 'PROGRAM_ERROR',
      message: 'The karma program refused the transaction: Epoch 0 has been started already.',
      facts: { name: 'AlreadyStarted', number: 6002 },
    });
    const nowhere = depositEscrow(client.addresses, {
      payer: operator.publicKey,
      escrow: client.addresses.config,
      amount: 10_000n * SOL,
    });
    await expect(client.send([nowhere], { signal })).rejects.toMatchObject({ facts: { name: 'BadOwner' } });
    await expect(client.send([nowhere], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('the view keeps its last state when the node is gone, and says how old it is', async ({ signal }) => {
    await using stack = new AsyncDisposableStack();
    const running = await localnet(stack, signal);
    const { client, connection, cluster } = running;
    await initialised(running, signal);
    let clock = 0;
    const view = stack.use(
      await createChainView({ connection: new Connection(cluster.rpcUrl), pollMs: 10, signal, now: () => clock }),
    );
    expect(view.epoch()).toBeUndefined();
    const begun = new Promise<void>((resolve) => {
      view.onSlot(() => {
        if (view.epoch() === 0n) resolve();
      });
    });
    await client.send([start(client.addresses, { initialiser: operator.publicKey })], { signal, pollMs: 20 });
    await begun;
    const latest = view.latestSlotHash();
    expect(view.slotHash(latest.slot)).toEqual(latest.hash);
    expect(view.slotHash(latest.slot + 1_000n)).toBeUndefined();
    expect(view.slot()).toBeGreaterThan(latest.slot);
    const [config, at] = [view.config(), view.slot()];

    await cluster.kill();
    clock = 5_000;
    for (const look of [view.refresh, view.poll])
      await expect(look({ signal })).rejects.toMatchObject({ code: 'RPC_UNREACHABLE' });
    await expect(
      client.send([start(client.addresses, { initialiser: operator.publicKey })], { signal }),
    ).rejects.toMatchObject({
      code: 'RPC_UNREACHABLE',
    });
    while (view.staleness().error === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(view.staleness()).toMatchObject({ ageMs: 5_000, error: { code: 'RPC_UNREACHABLE' } });
    expect(view.slot()).toBeGreaterThanOrEqual(at);
    expect(view.config()).toEqual(config);
    expect(connection.rpcEndpoint).toBe(cluster.rpcUrl);
  });

  test('the view finds participants, escrows, chains and rotated identities', async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'localnet', slotMs: 50, signal });
    const world: World = await buildWorld(ledger);
    await using view = await createChainView({ connection: ledger.connection, pollMs: 20, signal });
    const { gateway, validators, workers, escrow, addresses } = world;
    expect(view.participants().map(({ address }) => toBase58(address))).toEqual(
      [...validators, ...workers, gateway].map(({ address }) => toBase58(address)),
    );
    expect(view.escrow(escrow)).toMatchObject({ balance: 10n * SOL, gateway: gateway.address });
    expect(view.escrows().map(({ address }) => address)).toEqual([escrow]);
    expect(view.chain(gateway.address, 0n)).toMatchObject({ length: 1_000, commitment: namedHash('chain 0') });
    expect(view.chain(gateway.address, 1n)).toBeUndefined();
    expect(view.epochAccount(0n)).toBeUndefined();
    expect(view.participantByIdentity(gateway.identity.publicKey)?.address).toEqual(gateway.address);
    expect(view.participant(gateway.address)?.ownUnits).toBe(3n * SOL);

    const next = namedKey('identity 1');
    const rotation = { owner: operator.publicKey, newIdentity: next.publicKey, participant: gateway.address };
    await ledger.send([rotateIdentity(addresses, rotation)], [operator, next]);
    await view.refresh({ signal });
    expect(view.participantByIdentity(next.publicKey)?.address).toEqual(gateway.address);
    expect(view.participantByIdentity(gateway.identity.publicKey)?.address).toEqual(gateway.address);
    expect(view.participantByIdentity(namedHash('nobody'))).toBeUndefined();
  });

  test('P-18: a report that a vote revealed is found in the cluster’s history, by its hash', async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'localnet', slotMs: 50, signal });
    const world = await buildWorld(ledger);
    await startWorld(world);
    const [a, b] = world.validators as [Member, Member];
    const client = createProgramClient({ connection: ledger.connection, payer });
    const { report } = await makeReport(world, { epoch: 0n, earned: new Map() });
    const secret = { ...report, root: namedHash('a root') };
    await toVerdicts(world, 0n);
    const votes = world.validators.map((of) => ({ of, report: of === a ? secret : report }));
    await voteBy(world, 0n, votes);
    const revealed = (validator: Member, wanted: Report) =>
      client.revealedReport(
        { epoch: 0n, validator: validator.address, isWanted: ({ root }) => equalBytes(root, wanted.root) },
        { signal },
      );
    expect(await revealed(a, secret)).toEqual(secret);
    expect(await revealed(b, report)).toEqual(report);
    expect(await revealed(b, secret)).toBeUndefined();
    expect(
      await client.revealedReport({ epoch: 1n, validator: a.address, isWanted: () => true }, { signal }),
    ).toBeUndefined();
    expect(await client.challenge({ reportHash: secret.root, index: 0 }, { signal })).toBeUndefined();
  });

  test('a model’s keys, its layers, and what anybody proved of an entry', async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'localnet', slotMs: 50, signal });
    const world = await buildWorld(ledger);
    await startWorld(world);
    const [validator] = world.validators as [Member];
    const client = createProgramClient({ connection: ledger.connection, payer });
    const key = trapdoorKey('layer', 3);
    const registry = registryOf(world, [{ ...key, contextIndex: 2 }]);
    const { modelId, keysRoot, keyCount } = registry;
    expect(await client.modelKeys({ modelId, keysRoot, keyCount }, { signal })).toBeUndefined();
    await admit(world, registry);
    await sendLayer(world, registry, 0);
    expect(await client.modelKeys(registry, { signal })).toEqual(await readModelKeys(world, registry));
    expect(await client.keyAttestation(registry.address, validator.address, { signal })).toEqual(
      await readKeyAttestation(world, registry, validator),
    );
    expect(await client.layer(registry.address, 0, { signal })).toEqual(await readLayer(world, registry, 0));

    const payers = [operator, world.buyer];
    for (const [i, of] of payers.entries()) {
      const signals = [BigInt(i), 2n, contextOf(world, 0)];
      await sendProof(world, registry, { operator: 0, signals, proof: key.prove(signals), payer: of });
    }
    const records = await Promise.all(payers.map((of) => readProven(world, registry, of)));
    expect(await client.proven(recordOf(world, registry), { signal })).toEqual(records[0]);
    const found = await client.provenOf(TOKEN.entryHash, keyCount, { signal });
    const byProvers = payers.map((of) => found.find((record) => equalBytes(record.payer, of.publicKey)));
    expect([found.length, byProvers]).toEqual([2, records]);
    expect(await client.provenOf(namedHash('another entry'), keyCount, { signal })).toEqual([]);
    expect(await client.provenOf(TOKEN.entryHash, keyCount + 1, { signal })).toEqual([]);
    // A record never passes for an account of another type, even among those that are found by their size.
    expect((await client.escrows({ signal })).map(({ address }) => address)).toEqual([world.escrow]);
  });
});
