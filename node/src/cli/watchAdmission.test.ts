import { setImmediate as nextTurn } from 'node:timers/promises';
import { KarmeshError } from '@karmesh/sdk/errors';
import { NONE } from '@karmesh/sdk/program';
import { logger } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { watchAdmission } from './watchAdmission.ts';

const name = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const keys = { modelId: name(1), keysRoot: name(2), keyCount: 47 };

/** A chain that answers so, one answer after the other, and how often it was asked. */
function setUp(answers: readonly (bigint | 'nothing' | 'down')[]) {
  let slot = 100n;
  let asked = 0;
  const listeners = new Set<() => void>();
  const admission = watchAdmission(keys, {
    view: {
      slot: () => slot,
      onSlot(listener) {
        listeners.add(listener as () => void);
        return () => listeners.delete(listener as () => void);
      },
    },
    client: {
      async modelKeys(wanted) {
        expect(wanted).toEqual(keys);
        const answer = answers[asked++];
        if (answer === 'down') throw new KarmeshError('RPC_UNREACHABLE', 'It is down.');
        return answer === undefined || answer === 'nothing' ? undefined : ({ admittedEpoch: answer } as never);
      },
    },
    log: logger({ name: 'test', level: 'silent' })(),
  });
  const pass = async (slots: bigint): Promise<void> => {
    slot += slots;
    for (const listener of [...listeners]) listener();
    await nextTurn();
  };
  return { admission, pass, asked: () => asked };
}

test('P-23: keys count once the chain says so, and are asked for no more', async () => {
  const { admission, pass, asked } = setUp(['nothing', NONE, 'down', 7n]);
  await nextTurn();
  expect([admission.isAdmitted(), asked()]).toEqual([false, 1]);
  await pass(4n);
  expect(asked()).toBe(1);
  await pass(1n);
  await pass(5n);
  expect([admission.isAdmitted(), asked()]).toEqual([false, 3]);
  await pass(5n);
  expect([admission.isAdmitted(), asked()]).toEqual([true, 4]);
  await pass(100n);
  expect(asked()).toBe(4);
  await admission[Symbol.asyncDispose]();
});

test('nothing is asked once it is over', async () => {
  const { admission, pass, asked } = setUp(['nothing', 'nothing']);
  await admission[Symbol.asyncDispose]();
  await pass(100n);
  expect([admission.isAdmitted(), asked()]).toEqual([false, 1]);
});
