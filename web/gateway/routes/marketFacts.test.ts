import { type ConfigAccount, type EpochAccount, NONE, type ParticipantAccount, ROLE } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { type MarketFactParts, marketFactRoutes } from './marketFacts.ts';

const bytes = (fill: number) => new Uint8Array(32).fill(fill);
const participant = (role: number, fill: number) =>
  ({
    address: bytes(fill),
    role,
    activeFromEpoch: 1n,
    ownUnits: 5n,
    slashIndex: 1n << 60n,
    karma: [1n, 0n, 0n, 2n, 0n],
    karmaSlot: 9n,
    lifetime: [3n, 0n, 0n, 4n, 0n],
    lifetimePaid: 6n,
    engineClass: bytes(0xec),
    models: [bytes(0xab)],
  }) as unknown as ParticipantAccount;
const account = (epoch: bigint, state: number) =>
  ({
    epoch,
    address: bytes(1),
    state,
    entryCount: 2,
    manifestHash: bytes(2),
    receiptSetRoot: bytes(3),
    totalStake: 40n,
    attestedStake: 30n,
    beacon: bytes(4),
    verdictCount: 1,
    root: bytes(5),
    reportHash: bytes(6),
    settledLamports: 7n,
    finalisedSlot: 8n,
  }) as unknown as EpochAccount;

const health = {
  state: 'serving' as const,
  cpuPermille: 870,
  residentBytes: 512_000_000n,
  active: 3,
  waiting: 1,
  maxActive: 4,
  maxWaiting: 16,
  milliTokensPerSecond: 41_500n,
};

/** What the routes answer over a chain that stands still. */
const ask = async (path: string, chain: Partial<MarketFactParts['view']> = {}, rpcUrl?: string) => {
  const config = { genesis: bytes(0x11), lastFinalisedEpoch: NONE } as unknown as ConfigAccount;
  const view = {
    slot: () => 100n,
    epoch: () => 3n,
    config: () => config,
    participants: () => [participant(ROLE.worker, 1), participant(ROLE.gateway, 2), participant(ROLE.worker, 3)],
    epochAccount: (epoch: bigint) => (epoch === 1n ? account(1n, 6) : epoch === 2n ? account(2n, 1) : undefined),
    ...chain,
  };
  const routes = marketFactRoutes({
    cluster: { isLocal: true, rpcUrl, programId: bytes(0x22) },
    view,
    announced: () => [{ participant: bytes(3), incarnation: 7n, models: [bytes(0xab)], health }],
    history: {
      read: async () => [{ epoch: 4n, earned: new Map([['01'.repeat(32), [3n, 0n, 0n, 4n, 0n] as const]]) }],
    },
  });
  const response = await routes.request(path);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

test('says which cluster it reads, and names an RPC node only where it may', async () => {
  const facts = {
    cluster: {
      isLocal: true,
      rpcUrl: null,
      programId: '3JF3sEqM796hk5WFqA6EtmEwJQ9quALszsfJyvXNQKy3',
      genesisHash: '29d2S7vB453rNYFdR5Ycwt7y9haRT5fwVwL9zTmBhfV2',
    },
    slot: '100',
    epoch: '3',
    lastFinalisedEpoch: null,
    workers: 2,
    validators: 0,
    gateways: 1,
  };
  expect(await ask('/v1/market')).toEqual({ status: 200, body: facts });
  const named = { ...facts, cluster: { ...facts.cluster, rpcUrl: 'http://127.0.0.1:8899' } };
  expect((await ask('/v1/market', {}, 'http://127.0.0.1:8899')).body).toEqual(named);
});

test('lists the workers with five-part karma, who of them can be reached, and what those say of themselves', async () => {
  const { body } = await ask('/v1/market/workers');
  const row = {
    activeFromEpoch: '1',
    bondLamports: '5',
    karma: { inference: '1', seeding: '0', uptime: '0', redundancy: '2', validation: '0' },
    karmaSlot: '9',
    lifetimeKarma: { inference: '3', seeding: '0', uptime: '0', redundancy: '4', validation: '0' },
    paidLamports: '6',
    engineClass: 'ec'.repeat(32),
    models: ['ab'.repeat(32)],
  };
  expect(body).toEqual({
    total: 2,
    workers: [
      { address: '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi', isReachable: false, selfReported: null, ...row },
      {
        address: 'CktRuQ2mttgRGkXJtyksdKHjUdc2C4TgDzyB98oEzy8',
        isReachable: true,
        selfReported: {
          incarnation: '7',
          models: ['ab'.repeat(32)],
          health: { ...health, residentBytes: '512000000', milliTokensPerSecond: '41500' },
        },
        ...row,
      },
    ],
  });
});

test('gives 200 workers at most, and says how many there are', async () => {
  const participants = () => Array.from({ length: 300 }, () => participant(ROLE.worker, 1));
  const { body } = await ask('/v1/market/workers', { participants });
  expect([body.total, (body.workers as unknown[]).length]).toEqual([300, 200]);
});

test('lists closed epochs, the newest first; what is not on chain yet is null', async () => {
  const { body } = await ask('/v1/market/epochs');
  const both = {
    address: '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi',
    entryCount: 2,
    manifestHash: '02'.repeat(32),
    receiptSetRoot: '03'.repeat(32),
    totalStake: '40',
    attestedStake: '30',
  };
  const later = { beacon: null, verdictCount: null, root: null, reportHash: null };
  expect(body).toEqual({
    current: '3',
    epochs: [
      { ...both, epoch: '2', state: 'closed', ...later, settledLamports: null, finalisedSlot: null },
      {
        ...both,
        epoch: '1',
        state: 'finalised',
        beacon: '04'.repeat(32),
        verdictCount: 1,
        root: '05'.repeat(32),
        reportHash: '06'.repeat(32),
        settledLamports: '7',
        finalisedSlot: '8',
      },
    ],
  });
  expect((await ask('/v1/market/epochs', { epoch: () => undefined })).body).toEqual({ current: null, epochs: [] });
  const asked: bigint[] = [];
  await ask('/v1/market/epochs', {
    epoch: () => 1000n,
    epochAccount: (epoch) => {
      asked.push(epoch);
      return undefined;
    },
  });
  expect([asked.length, asked[0], asked.at(-1)]).toEqual([16, 999n, 984n]);
});

test('says who earned what in final epochs', async () => {
  const karma = { inference: '3', seeding: '0', uptime: '0', redundancy: '4', validation: '0' };
  expect((await ask('/v1/market/karma')).body).toEqual({
    epochs: [{ epoch: '4', total: 1, earned: [{ address: '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi', karma }] }],
  });
});
