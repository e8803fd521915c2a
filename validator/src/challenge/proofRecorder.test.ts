import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUNDLED_KEYS_PATH, modelKeyTree, readModelKeys } from '@karmesh/node/models';
import { KarmeshError } from '@karmesh/sdk/errors';
import { statementHash } from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ProofLedger } from '../chain/proofLedger.ts';
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
  const whole = Promise.withResolvers<void>();
  let left = refusals;
  const ledger: ProofLedger = {
    standing: async () => ({ isAdmitted: true, isAttested: true }),
    attest: async () => '',
    recorded: async () => statements,
    async register({ operator, keys: name, path }) {
      expect([name.keyCount, path.length]).toEqual([keys.keys.length + 1, 6]);
      registered.push(operator);
    },
    async record({ operator, signals, epoch, position }) {
      expect([epoch, position, statements[operator]]).toEqual([7n, 12, undefined]);
      if (left-- > 0) throw new KarmeshError('RPC_UNREACHABLE', 'It is down.');
      statements[operator] = statementHash(operator, signals);
      if (statements.filter((one) => one !== undefined).length === OPERATORS.length) whole.resolve();
    },
  };
  return { ledger, registered, statements, whole: whole.promise };
}

const open = (ledger: ProofLedger, sleep: () => Promise<void> = async () => undefined) =>
  proofRecorder({ folder, concurrency: 2 })({
    domain,
    keys: [known],
    ledger,
    sleep,
    log: logger({ name: 'test', level: 'silent' })(),
  });

test('Z-43: every statement of a token is recorded under its operator’s key, once', async () => {
  const { ledger, registered, statements, whole } = chainOf();
  {
    await using recorder = await open(ledger);
    await recorder.add(proven);
    await whole;
  }
  expect(registered.sort()).toEqual(OPERATORS);
  expect(statements.flatMap((one, operator) => (one === undefined ? [] : [operator]))).toEqual(OPERATORS);
});

test('what a stop or a chain that is down interrupts is gone on with, and nothing is sent twice', async () => {
  const { ledger, statements, whole } = chainOf(2);
  const down = Promise.withResolvers<void>();
  {
    // It stops at its first fault, before it has tried again.
    const sleep = (): Promise<void> => {
      down.resolve();
      return new Promise(() => undefined);
    };
    const recorder = await open(ledger, sleep);
    await recorder.add(proven);
    await down.promise;
  }
  expect(statements).toEqual([]);
  expect((await readdir(folder)).length).toBe(1);
  {
    await using recorder = await open(ledger);
    expect(recorder).toBeDefined();
    await whole;
  }
  expect(statements.filter((one) => one !== undefined).length).toBe(OPERATORS.length);
});
