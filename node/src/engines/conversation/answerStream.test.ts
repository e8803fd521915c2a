import { describe, expect, test } from 'vitest';
import { answerStream, type TokenText } from './answerStream.ts';

const END = 256;
/** A token is a byte of UTF-8. */
const bytes: TokenText = {
  detokenize: (tokens) => new TextDecoder().decode(Uint8Array.from(tokens)),
  isEnd: (token) => token === END,
};

function run(tokens: readonly number[], options: { readonly stops?: readonly string[]; readonly limit?: number } = {}) {
  const answer = answerStream({ stops: options.stops ?? [], limit: options.limit ?? 1000 })(bytes);
  const pieces: string[] = [];
  for (const [i, token] of tokens.entries()) {
    const { text, finishReason } = answer.push(token);
    pieces.push(text);
    if (finishReason !== undefined) return { pieces, finishReason, used: i + 1 };
  }
  return { pieces, finishReason: undefined, used: tokens.length };
}

const encode = (text: string): number[] => [...new TextEncoder().encode(text)];

describe('S-06: the end of an answer', () => {
  test('is the token that the model marks, which has no text', () => {
    expect(run([...encode('ab'), END, 99])).toEqual({ pieces: ['a', 'b', ''], finishReason: 'stop', used: 3 });
  });
  test('is the limit, unless the last token stops anyway', () => {
    expect(run(encode('abcd'), { limit: 3 })).toEqual({ pieces: ['a', 'b', 'c'], finishReason: 'length', used: 3 });
    expect(run([97, END], { limit: 2 }).finishReason).toBe('stop');
    expect(run(encode('ab'), { limit: 2, stops: ['b'] }).finishReason).toBe('stop');
  });
  test('is the token that completes a stop text; text that might begin one is held back', () => {
    expect(run(encode('say STOX or STOP now'), { stops: ['STOP'] })).toEqual({
      pieces: ['s', 'a', 'y', ' ', '', '', '', 'STOX', ' ', 'o', 'r', ' ', '', '', '', ''],
      finishReason: 'stop',
      used: 16,
    });
  });
  test('cuts before the stop text that begins first', () => {
    expect(run(encode('xabc'), { stops: ['c', 'bc'] }).pieces.join('')).toBe('xa');
  });
  test('gives held text back when the answer ends otherwise', () => {
    expect(run([...encode('aST'), END], { stops: ['STOP'] }).pieces.join('')).toBe('aST');
  });
  test('ignores an empty stop text', () => {
    expect(run(encode('ab'), { stops: [''] }).finishReason).toBeUndefined();
  });
});

test('S-05: text comes in whole characters', () => {
  expect(run(encode('aé€😀')).pieces).toEqual(['a', '', 'é', '', '', '€', '', '', '', '😀']);
});
test('S-05: an unfinished character comes out at the end', () => {
  expect(run([...encode('a'), 0xe2, 0x82, END]).pieces).toEqual(['a', '', '', '\ufffd']);
});
