import { expect, test } from 'vitest';
import { eventBody } from './eventBody.ts';

function events() {
  const made: string[] = [];
  const client = { isGone: false, hasLeft: () => client.isGone, leave: () => void made.push('left') };
  async function* make(): AsyncGenerator<string, void, undefined> {
    try {
      for (const data of ['a', 'b', '[DONE]']) {
        made.push(data);
        yield data;
      }
    } finally {
      made.push('over');
    }
  }
  const body = eventBody(make(), client);
  return { made, client, reader: body.getReader() };
}

const text = (value: Uint8Array | undefined): string => new TextDecoder().decode(value);

test('an event is made when the one before was taken, and not before anybody asks', async () => {
  const { made, reader } = events();
  await Promise.resolve();
  expect(made).toEqual([]);
  expect(text((await reader.read()).value)).toBe('data: a\n\n');
  await new Promise((resolve) => setImmediate(resolve));
  expect(made).toEqual(['a']);
  expect(text((await reader.read()).value)).toBe('data: b\n\n');
  expect(text((await reader.read()).value)).toBe('data: [DONE]\n\n');
  expect((await reader.read()).done).toBe(true);
  expect(made).toEqual(['a', 'b', '[DONE]', 'over']);
});

test('who leaves ends them, before the first and after it', async () => {
  for (const reads of [0, 1]) {
    const { made, reader } = events();
    for (let read = 0; read < reads; read++) await reader.read();
    await reader.cancel();
    expect(made).toEqual(reads === 0 ? ['left'] : ['a', 'left', 'over']);
  }
});

test('a socket that takes no more ends them, and the event that it did not take is the last that was made', async () => {
  const { client, made, reader } = events();
  await reader.read();
  client.isGone = true;
  expect((await reader.read()).done).toBe(true);
  expect(made).toEqual(['a', 'left', 'over']);
});
