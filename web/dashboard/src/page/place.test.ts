import { expect, test } from 'vitest';
import { placeOf } from './place.ts';

test.each([
  ['', { view: 'ask' }],
  ['#/nonsense', { view: 'ask' }],
  ['#/workers', { view: 'workers' }],
  ['#/epochs', { view: 'epochs' }],
  ['#/mesh', { view: 'mesh' }],
  ['#/queue', { view: 'queue' }],
  ['#/prices', { view: 'prices' }],
  ['#/account', { view: 'account' }],
  ['#/operate', { view: 'operate' }],
  ['#/chain', { view: 'chain' }],
  ['#/check', { view: 'check', requestId: '' }],
  [`#/check/${'ab'.repeat(32)}`, { view: 'check', requestId: 'ab'.repeat(32) }],
  ['#/check/<script>', { view: 'check', requestId: '' }],
])('%s is a place', (hash, place) => {
  expect(placeOf(hash)).toEqual(place);
});
