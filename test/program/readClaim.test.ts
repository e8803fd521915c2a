import { type ChainReader, readClaim, stakeInstructions } from '@karmesh/sdk/client';
import { decodeEpoch, type EpochAccount, toBase58 } from '@karmesh/sdk/program';
import { reportBody, toHex } from '@karmesh/sdk/protocol';
import { PublicKey, TransactionInstruction } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { claimProofs } from '../../web/gateway/bundles/claimProofs.ts';
import { testApp } from '../../web/gateway/fixtures/testApp.ts';
import { type BuiltReport, makeReport, sendClaim, settlement, toFinalised, toReported } from './epochSteps.ts';
import { namedHash } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, type Member, readConfig, readParticipant, startWorld, type World } from './world.ts';

// An owner's claim: from the gateway's route by the client's checks to the program.

const KARMA = [300_000n, 4_000n, 5_000n, 150_000n, 6_000n] as const;
type Told = {
  readonly epoch: string;
  readonly claim: {
    readonly index: number;
    readonly lifetimeKarma: Readonly<Record<string, string>>;
    readonly owedLamports: string;
    readonly receiptsRoot: string;
    readonly path: readonly string[];
  };
};

async function builtWorld() {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const [worker, other] = world.workers as [Member, Member];
  const built = await makeReport(world, {
    epoch: 0n,
    earned: new Map([[worker, { karma: KARMA, owed: 500_000n }]]),
    settlements: [settlement(world, 1_000_000n)],
  });
  return { world, built, worker, other };
}

/** A gateway that has this report, over the chain as it stands. */
async function gatewayOf(world: World, { epoch, lifetimes, report, settlements, state }: BuiltReport) {
  const config = await readConfig(world);
  const account = await epochOf(world, epoch);
  const result = { ...state, lifetimes, settlements, credits: new Map(), decisions: new Map() };
  const body = reportBody({ epoch, report, result, verdicts: [] });
  const view = {
    config: () => config,
    epochAccount: (asked: bigint) => (asked === epoch ? account : undefined),
    participant: () => ({}),
    slot: () => 0n,
    epoch: () => undefined,
    participants: () => [],
  };
  const clock = { nowMs: () => 0 };
  const claims = claimProofs({ epochs: 4, fetchMs: 5_000, retryMs: 30_000 })({
    domain: world.domain,
    view,
    bodies: { report: async () => ({ body, verdictsRoot: namedHash('verdicts') }) },
    clock,
  });
  const never = { watch: () => undefined, changed: () => {}, [Symbol.dispose]: () => {} };
  const cluster = { isLocal: true, rpcUrl: undefined, programId: world.addresses.programId };
  const facts = { cluster, view, announced: () => [], history: { read: async () => [] } };
  const { app } = testApp({
    parts: { page: { folder: '/nowhere', facts, claims, feeds: { mesh: never, queue: never } } },
  });
  const ask: typeof fetch = async (input, init) => app.request(String(input), init);
  return { url: 'http://gateway.test', fetch: ask };
}

async function epochOf({ addresses, ledger }: World, epoch: bigint): Promise<EpochAccount | undefined> {
  const account = await ledger.account(addresses.epoch(epoch));
  return account === undefined ? undefined : decodeEpoch(account);
}

/** The client's reader, over the ledger of the test instead of RPC. */
const readerOf = (world: World): Pick<ChainReader, 'checkCluster' | 'epoch' | 'participant'> => ({
  checkCluster: () => readConfig(world),
  epoch: (epoch) => epochOf(world, epoch),
  participant: (address) => readParticipant(world, address),
});

const read = async (world: World, built: BuiltReport, participant: Uint8Array) =>
  readClaim(await gatewayOf(world, built), {
    participant,
    reader: readerOf(world),
    signal: AbortSignal.timeout(60_000),
  });

test('P-21: what the route gives and the client checks is paid to the owner by whoever sends it, once', async () => {
  const { world, built, worker, other } = await builtWorld();
  await toFinalised(world, built);
  const due = await read(world, built, worker.address);
  if (due === undefined) throw new Error('There is nothing to claim.');
  expect(due).toMatchObject({ epoch: 0n, owner: worker.owner.publicKey, karma: KARMA, dueLamports: 500_000n });

  const plain = stakeInstructions.claim(world.addresses, { ...due, payer: world.operator.publicKey });
  const instruction = new TransactionInstruction({
    programId: new PublicKey(plain.programId),
    keys: plain.accounts.map(({ address, ...flags }) => ({ pubkey: new PublicKey(address), ...flags })),
    data: Buffer.from(plain.data),
  });
  const before = await lamportsOf(world, worker.owner.publicKey);
  await world.ledger.send([instruction], [world.operator]);
  expect((await lamportsOf(world, worker.owner.publicKey)) - before).toBe(500_000n);
  expect(await readParticipant(world, worker.address)).toMatchObject({ lifetime: KARMA, lifetimePaid: 500_000n });

  await refused(world.ledger.send([instruction], [world.operator]), 'AlreadyClaimed');
  expect(await read(world, built, worker.address)).toBeUndefined();
  // Who has earned nothing yet has no leaf.
  expect(await read(world, built, other.address)).toBeUndefined();
});

test('P-21: the client refuses every bent part of the leaf and the path, and what has another form', async () => {
  const { world, built, worker } = await builtWorld();
  await toFinalised(world, built);
  const gateway = await gatewayOf(world, built);
  const honest = (await (
    await gateway.fetch(`${gateway.url}/v1/market/claims/latest/${toBase58(worker.address)}`)
  ).json()) as Told;
  const reads = (told: unknown) =>
    readClaim(
      { url: gateway.url, fetch: async () => Response.json(told) },
      { participant: worker.address, reader: readerOf(world), signal: AbortSignal.timeout(60_000) },
    );
  expect(await reads(honest)).toMatchObject({ dueLamports: 500_000n });

  const other = toHex(namedHash('other'));
  const { claim } = honest;
  const forged: readonly Partial<Told['claim']>[] = [
    { owedLamports: '500001' },
    ...Object.keys(claim.lifetimeKarma).map((part) => ({
      lifetimeKarma: { ...claim.lifetimeKarma, [part]: '300001' },
    })),
    { receiptsRoot: other },
    { index: claim.index + 1 },
    { index: 1_000_000 },
    { path: claim.path.slice(1) },
    { path: [...claim.path, other] },
    { path: [] },
    ...claim.path.map((_, level) => ({ path: claim.path.map((node, i) => (i === level ? other : node)) })),
  ];
  const isFalse = {
    code: 'PROTOCOL_VIOLATION',
    message: 'The gateway’s claim does not reach the root on chain.',
    facts: { rule: 'P-21', participant: toBase58(worker.address) },
  };
  for (const bent of forged)
    await expect(reads({ ...honest, claim: { ...claim, ...bent } }), JSON.stringify(bent)).rejects.toMatchObject(
      isFalse,
    );
  // An epoch that the chain does not have.
  await expect(reads({ ...honest, epoch: '1' })).rejects.toMatchObject(isFalse);
  const another = { code: 'PROTOCOL_VIOLATION', message: 'The gateway’s claim is in another form.' };
  for (const bent of [{ path: Array(21).fill(other) }, { index: -1 }, { path: ['0'] }])
    await expect(reads({ ...honest, claim: { ...claim, ...bent } })).rejects.toMatchObject(another);
  for (const told of [{}, { epoch: '0' }, { ...honest, epoch: null }])
    await expect(reads(told)).rejects.toMatchObject(another);
  const large = { ...claim, owedLamports: `${2n ** 64n}` };
  await expect(reads({ ...honest, claim: large })).rejects.toMatchObject({ code: 'CODEC' });
});

test('P-21: nothing is claimed by a report that is not final', async () => {
  const { world, built, worker } = await builtWorld();
  await toReported(world, built);
  expect(await read(world, built, worker.address)).toBeUndefined();
  await refused(sendClaim(world, built, worker), 'NotFinalised');
});
