import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BUNDLED_KEYS_PATH, modelKeyTree, readModelKeys } from '@karmesh/node/models';
import { KarmeshError } from '@karmesh/sdk/errors';
import { equalBytes, statementHash, toHex } from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { named } from '../fixtures/market.ts';
import { type ProvenToken, proofRecorder } from './proofRecorder.ts';

const domain = named('domain');
const keys = await readModelKeys(BUNDLED_KEYS_PATH);
const { root, count } = modelKeyTree(domain, keys);
const known = { ...keys, keysRoot: root.hash, keyCount: count };
const OPERATORS = [0, 3, 5];
const proven: ProvenToken = {
  modelId: keys.modelId,
  keysRoot: known.keysRoot,
  epoch: 7n,
  entryHash: named('entry'),
  position: 12,
  statements: OPERATORS.map((operator) => ({ operator, signals: [1n, BigInt(operator)], proof: new Uint8Array(256) })),
};

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-recordings-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A chain that keeps what it is sent, and refuses the first `refusals` records. */
function chainOf(refusals = 0) {
  const registered: number[] = [];
  const statements: (Uint8Array | undefined)[] = [];
  const closed: Uint8Array[] = [];
  let left = refusals;
  const ledger: Parameters<ReturnType<typeof proofRecorder>>[0]['ledger'] = {
    recorded: async ({ entryHash, keys: { keyCount } }) => {
      expect(keyCount).toBe(known.keyCount);
      return equalBytes(entryHash, proven.entryHash) ? statements : [];
    },
    async register({ operator, keys: name, path }) {
      expect([name.keyCount, path.length]).toEqual([keys.keys.length + 1, 6]);
      registered.push(operator);
    },
    async record({ operator, signals, epoch, position, entryHash }) {
      expect([epoch, position, statements[operator]]).toEqual([7n, 12, undefined]);
      if (equalBytes(entryHash, named('refused'))) throw new KarmeshError('PROGRAM_ERROR', 'It is refused.');
      expect(equalBytes(entryHash, proven.entryHash)).toBe(true);
      if (left-- > 0) throw new KarmeshError('RPC_UNREACHABLE', 'It is down.');
      statements[operator] = statementHash(operator, signals);
    },
    close: async ({ entryHash }) => void closed.push(entryHash),
  };
  return { ledger, registered, statements, closed };
}

/** What runs in the background gets its turn, whatever the time. */
let nowMs = 0;
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) {
    nowMs += 1_000;
    await nextTurn();
  }
};

const open = (
  ledger: ReturnType<typeof chainOf>['ledger'],
  { maxRecords = 8, lastFinalisedEpoch = () => undefined as bigint | undefined, keys: own = [known] } = {},
) =>
  proofRecorder({ folder, maxRecords, concurrency: 2, keptEpochs: 10n })({
    domain,
    keys: own,
    ledger,
    lastFinalisedEpoch,
    nowMs: () => nowMs,
    sleep: () => nextTurn(),
    log: logger({ name: 'test', level: 'silent' })(),
  });
const files = async () => (await readdir(folder)).filter((name) => !name.startsWith('lock'));
const isWhole = ({ statements }: ReturnType<typeof chainOf>): boolean =>
  statements.filter((one) => one !== undefined).length === OPERATORS.length;
const entryName = toHex(proven.entryHash);

test('Z-43: every statement of a token is recorded under its operator’s key, once', async () => {
  const chain = chainOf();
  {
    await using recorder = await open(chain.ledger);
    await recorder.add(proven);
    await recorder.add(proven);
    await until(async () => (await files()).includes(`${entryName}.recorded`));
  }
  expect(chain.registered.sort()).toEqual(OPERATORS);
  expect(chain.statements.flatMap((one, operator) => (one === undefined ? [] : [operator]))).toEqual(OPERATORS);
  expect(await files()).toEqual([`${entryName}.recorded`]);
});

test('what a stop or a chain that is down interrupts is gone on with, and nothing is sent twice', async () => {
  const chain = chainOf(2);
  {
    await using recorder = await open(chain.ledger);
    await recorder.add(proven);
    await until(() => chain.registered.length > 0);
  }
  expect(isWhole(chain)).toBe(false);
  expect(await files()).toEqual([entryName]);
  {
    await using recorder = await open(chain.ledger);
    expect(recorder).toBeDefined();
    await until(() => isWhole(chain));
  }
});

test('what the chain refuses does not hold up what comes behind it', async () => {
  const chain = chainOf();
  await using recorder = await open(chain.ledger);
  await recorder.add({ ...proven, entryHash: named('refused') });
  await recorder.add(proven);
  await until(() => isWhole(chain));
});

test('P-26: the rent of an old record is taken back, also after a restart, and of a young one it is not', async () => {
  const chain = chainOf();
  let last = 17n;
  {
    await using recorder = await open(chain.ledger, { lastFinalisedEpoch: () => last });
    await recorder.add(proven);
    await until(() => isWhole(chain));
    await until(async () => (await files()).includes(`${entryName}.recorded`));
  }
  expect(chain.closed).toEqual([]);
  last = 18n;
  {
    // The operator has taken the keys file away meanwhile.
    await using recorder = await open(chain.ledger, { lastFinalisedEpoch: () => last, keys: [] });
    expect(recorder).toBeDefined();
    await until(async () => (await files()).length === 0);
  }
  expect(chain.closed).toEqual([proven.entryHash]);
});

test('no more records are made than a validator wants to pay for', async () => {
  const chain = chainOf();
  await using recorder = await open(chain.ledger, { maxRecords: 1 });
  await recorder.add(proven);
  await recorder.add({ ...proven, entryHash: named('one more') });
  await until(() => isWhole(chain));
  expect((await files()).map((name) => name.slice(0, 64))).toEqual([entryName]);
});

test('two validators on one folder do not both record', async () => {
  const chain = chainOf();
  await using recorder = await open(chain.ledger);
  expect(recorder).toBeDefined();
  await expect(open(chain.ledger)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
});
