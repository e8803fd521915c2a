import { expect, test } from 'vitest';
import { jsonFits } from './jsonFits.ts';

const cases: [name: string, schema: Record<string, unknown>, fitting: readonly unknown[], other: readonly unknown[]][] =
  [
    ['nothing', {}, [1, null, 'a', [], {}], []],
    ['a type', { type: 'integer' }, [1, -3, 2.0], [1.5, '1', null]],
    ['several types', { type: ['string', 'null'] }, ['', null], [0, {}, []]],
    ['an object', { type: 'object' }, [{}], [[], null, 'x']],
    ['a list', { type: 'array', items: { type: 'boolean' } }, [[], [true]], [{}, [1]]],
    ['first items', { prefixItems: [{ type: 'string' }], items: false }, [[], ['a']], [[1], ['a', 'b']]],
    ['an enum', { enum: [1, { a: [2] }] }, [1, { a: [2] }], ['1', { a: [3] }]],
    ['a constant', { const: null }, [null], [undefined, 0, '']],
    ['lengths', { minLength: 2, maxLength: 2 }, ['ab', '😀😀', 7], ['a', 'abc']],
    ['sizes of lists', { minItems: 1, maxItems: 2 }, [[1], [1, 2]], [[], [1, 2, 3]]],
    ['bounds', { minimum: 1, exclusiveMaximum: 3 }, [1, 2.9], [0.9, 3]],
    [
      'properties',
      { properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false },
      [{ a: '' }],
      [{}, { a: 1 }, { a: '', b: 1 }, { b: 1 }],
    ],
    ['what objects inherit', { required: ['toString'] }, [{ toString: 1 }], [{}]],
    ['additional properties', { additionalProperties: { type: 'number' } }, [{ a: 1 }], [{ a: 'b' }]],
    ['any of', { anyOf: [{ type: 'string' }, { minimum: 5 }] }, ['a', 6], [4]],
    ['one of', { oneOf: [{ minimum: 1 }, { maximum: 1 }] }, [2, 0], [1]],
    ['all of', { allOf: [{ minimum: 1 }, { maximum: 2 }] }, [1, 2], [0, 3]],
    ['not', { not: { type: 'null' } }, [1], [null]],
    [
      'a reference',
      { $ref: '#/$defs/node', $defs: { node: { type: 'object', properties: { next: { $ref: '#/$defs/node' } } } } },
      [{}, { next: { next: {} } }],
      [1, { next: { next: 1 } }],
    ],
    ['a reference to nothing', { $ref: '#/$defs/none' }, [], [1, {}]],
    ['a reference elsewhere', { $ref: 'http://127.0.0.1/schema' }, [], [1]],
    ['a reference to itself', { $ref: '#' }, [], [1]],
  ];

test.each(cases)('knows %s', (_, schema, fitting, other) => {
  expect(fitting.filter((each) => !jsonFits(each, schema))).toEqual([]);
  expect(other.filter((each) => jsonFits(each, schema))).toEqual([]);
});

test('a schema that asks for endless steps ends', () => {
  const twice = { anyOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/a' }], not: {} };
  expect(jsonFits(1, { $ref: '#/$defs/a', $defs: { a: twice } })).toBe(false);
});

const long = 'x'.repeat(10_000);
const many = Array.from({ length: 2_000 }, (_, i) => i);

test.each([
  ['a long text', { minLength: 1 }, long],
  ['a wide list', { minItems: 1 }, many],
  ['many values', { enum: [...many, 'x'] }, 'x'],
  ['a constant with many parts', { const: many }, many],
  ['many names', { required: Array(2_000).fill('x') }, { x: 1 }],
  ['a long reference', { $ref: `#/$defs/${long}` }, 1],
])('%s is looked at some times, and not as often as a small schema can ask for', (_, rule, value) => {
  const twice = (of: string) => ({ allOf: [{ $ref: `#/$defs/${of}` }, { $ref: `#/$defs/${of}` }] });
  const doubled = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [i + 1, twice(String(i))]));
  const $defs = { 0: rule, ...doubled, [long]: {} };
  expect(jsonFits(value, { $ref: '#/$defs/4', $defs })).toBe(true);
  expect(jsonFits(value, { $ref: '#/$defs/14', $defs })).toBe(false);
});

test('a text of a million characters has its length counted', () => {
  expect(jsonFits('x'.repeat(1_000_000), { maxLength: 1_000_000 })).toBe(true);
});

test('patterns are not run', () => {
  expect(jsonFits('a'.repeat(50), { type: 'string', pattern: '^(a+)+b$' })).toBe(true);
});
