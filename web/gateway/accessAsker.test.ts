import { answerOnce, createHost } from '@karmesh/sdk/network';
import {
  ACCESS_PROTOCOL,
  accessAnswerCodec,
  accessAskCodec,
  decode,
  type Entry,
  encode,
  MAX_ACCESS_FRAME_BYTES,
  type RefusalReason,
} from '@karmesh/sdk/protocol';
import { generateKeypair, logger } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { accessAsker } from './accessAsker.ts';

const domain = new Uint8Array(32).fill(7);
const log = logger({ name: 'gateway', level: 'silent' })();
const worker = new Uint8Array(32).fill(1);
const refusedFor = (reason: RefusalReason) =>
  ({ evidence: { refusals: [{ value: { worker, reason } }] } }) as unknown as Entry;

test('W-20: a worker that refuses for want of access is asked for it, once in a while', async () => {
  await using closed = await createHost({ keypair: generateKeypair(), domain, localnet: true });
  await using gateway = await createHost({
    keypair: generateKeypair(),
    domain,
    localnet: true,
    bootstrap: closed.addresses(),
  });
  const asked: string[] = [];
  await answerOnce(closed, {
    protocol: ACCESS_PROTOCOL,
    maxStreams: 4,
    maxFrameBytes: MAX_ACCESS_FRAME_BYTES,
    answer(ask, remote) {
      asked.push(`${decode(accessAskCodec, ask)} ${remote.join() === gateway.identity.join()}`);
      return encode(accessAnswerCodec, 'waiting');
    },
  });
  let nowMs = 0;
  const asker = accessAsker({ everyMs: 1_000, timeoutMs: 20_000 })({
    host: gateway,
    identityOf: () => closed.identity,
    clock: { nowMs: () => nowMs },
    log,
  });
  await asker.onEntry(refusedFor('queue-full'));
  expect(asked).toEqual([]);
  for (const _ of [1, 2]) await asker.onEntry(refusedFor('no-access'));
  expect(asked).toEqual(['access true']);
  nowMs = 1_000;
  await asker.onEntry(refusedFor('no-access'));
  expect(asked).toHaveLength(2);
});

test('a worker that cannot be asked, or that nobody knows, costs nothing', async () => {
  await using gateway = await createHost({ keypair: generateKeypair(), domain, localnet: true });
  for (const identityOf of [() => undefined, () => generateKeypair().publicKey]) {
    const asker = accessAsker({ everyMs: 1_000, timeoutMs: 20_000 })({
      host: gateway,
      identityOf,
      clock: { nowMs: () => 0 },
      log,
    });
    await asker.onEntry(refusedFor('no-access'));
  }
});
