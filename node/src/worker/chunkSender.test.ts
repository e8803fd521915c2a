import { checkRecord, decodeInferFrame, extendUsageChain, usageRecord } from '@karmesh/sdk/protocol';
import { generateKeypair } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { chunkSender } from './chunkSender.ts';

const domain = new Uint8Array(32).fill(7);
const requestId = new Uint8Array(32).fill(1);
const signer = generateKeypair();
const piece = (token: number) => ({ tokens: [token], text: `${token} ` });
/** Lets everything run that waits for nothing but its turn. */
const settle = () => new Promise(setImmediate);

/** A sender on a clock that the test moves, and what it sent. */
function sender({ isFirst = true, send = async () => {} }: { isFirst?: boolean; send?: () => Promise<void> } = {}) {
  const sent: { readonly tokens: readonly number[]; readonly text: string }[] = [];
  const noted: number[] = [];
  const halt: { at: number | undefined; sent(outputTokens: number): void } = {
    at: undefined,
    sent: (outputTokens) => void noted.push(outputTokens),
  };
  const alarms: { readonly atMs: number; readonly ring: () => void }[] = [];
  let nowMs = 0;
  let outputChain: Uint8Array = requestId;
  const chunks = chunkSender({
    domain,
    requestId,
    dispatchHash: new Uint8Array(32).fill(2),
    worker: new Uint8Array(32).fill(3),
    promptTokens: 5,
    isFirst,
    signal: new AbortController().signal,
  })({
    signer,
    halt,
    clock: {
      nowMs: () => nowMs,
      alarm(ms, ring) {
        const alarm = { atMs: nowMs + ms, ring };
        alarms.push(alarm);
        return () => void alarms.splice(alarms.indexOf(alarm), 1);
      },
    },
    stream: {
      async send(bytes) {
        const frame = decodeInferFrame(bytes);
        if (frame.type !== 'chunk') throw new RangeError('A sender of chunks sends chunks.');
        outputChain = extendUsageChain(domain, outputChain, frame.tokens);
        const { usage } = frame;
        expect(usage.value).toMatchObject({ sequence: sent.length, outputChain });
        expect(checkRecord(usageRecord, { domain, identity: signer.publicKey }, usage)).toBe(true);
        sent.push({ tokens: frame.tokens, text: frame.text });
        await send();
      },
    },
  });
  const move = async (ms: number): Promise<void> => {
    nowMs += ms;
    for (const { ring } of alarms.filter(({ atMs }) => atMs <= nowMs)) ring();
    await settle();
  };
  return { chunks, sent, noted, halt, move, alarms };
}

test.each([
  { isFirst: true, paceMs: 33 },
  { isFirst: false, paceMs: 200 },
])('the first piece leaves at once, later ones together each $paceMs ms', async ({ isFirst, paceMs }) => {
  const { chunks, sent, move } = sender({ isFirst });
  chunks.push(piece(1));
  await settle();
  expect(sent).toEqual([{ tokens: [1], text: '1 ' }]);
  for (const token of [2, 3]) chunks.push(piece(token));
  await move(paceMs - 1);
  expect(sent).toHaveLength(1);
  await move(1);
  expect(sent.slice(1)).toEqual([{ tokens: [2, 3], text: '2 3 ' }]);
  await move(10 * paceMs);
  chunks.push(piece(4));
  await settle();
  expect(sent.slice(2)).toEqual([{ tokens: [4], text: '4 ' }]);
});

test('flush sends what is left without waiting for the pace', async () => {
  const { chunks, sent, alarms } = sender({ isFirst: false });
  for (const token of [1, 2, 3]) chunks.push(piece(token));
  await chunks.flush();
  expect(sent.flatMap(({ tokens }) => tokens)).toEqual([1, 2, 3]);
  expect(alarms).toEqual([]);
});

test('W-22: nothing leaves after a halt, not even what waits for the pace', async () => {
  const { chunks, sent, noted, halt, move, alarms } = sender();
  chunks.push(piece(1));
  await settle();
  for (const token of [2, 3]) chunks.push(piece(token));
  halt.at = 2;
  await move(33);
  chunks.push(piece(4));
  await chunks.flush();
  expect([sent.flatMap(({ tokens }) => tokens), noted]).toEqual([[1], [1]]);
  expect(alarms).toEqual([]);
});

test('W-23: says how many tokens are with the chunks that were sent', async () => {
  const { chunks, noted } = sender();
  for (const token of [1, 2, 3]) chunks.push(piece(token));
  await chunks.flush();
  expect(noted).toEqual([1, 3]);
});

test('flush throws what sending threw', async () => {
  const { chunks } = sender({ send: () => Promise.reject(new Error('The stream is gone.')) });
  chunks.push(piece(1));
  await expect(chunks.flush()).rejects.toThrow('The stream is gone.');
});
