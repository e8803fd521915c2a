import { INCINERATOR } from '@karmesh/sdk/program';
import { hash, toHex } from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';
import { namedKey } from '../keys.ts';
import { at } from '../model/addresses.ts';
import type { Key } from '../model/ledger.ts';

/** Everybody who acts in a fuzzed sequence, by name. */
const names = [
  ...['operator', 'worker owner', 'buyer 0', 'buyer 1', 'staker 0', 'staker 1', 'finder', 'stranger'],
  ...['validator 0', 'validator 1', 'validator 2', 'validator 3', 'worker 0', 'worker 1', 'gateway', 'gateway 1'],
  ...['spare 0', 'spare 1', 'spare 2', 'spare 3'],
] as const;
export type Name = (typeof names)[number];

const pairs = new Map<Name, Keypair>(names.map((name) => [name, namedKey(name)]));

export function keypairOf(name: Name): Keypair {
  const pair = pairs.get(name);
  if (pair === undefined) throw new RangeError('Nobody has this name.');
  return pair;
}

export function keyOf(name: Name): Key {
  return toHex(keypairOf(name).publicKey);
}

/** Whose key it is, for those that sign records. */
export function pairWith(key: Key): Keypair | undefined {
  return [...pairs.values()].find(({ publicKey }) => toHex(publicKey) === key);
}

export const VALIDATORS = ['validator 0', 'validator 1', 'validator 2', 'validator 3'] as const;
export const WALLETS: readonly Key[] = names.map(keyOf);
export const participantOf = (name: Name): Key => at.participant(keyOf(name));
export const INCINERATED: Key = toHex(INCINERATOR);

/** 32 bytes that stand for something. */
export function keyNamed(name: string): Key {
  return toHex(hash(new TextEncoder().encode(name)));
}

const labels = new Map<Key, string>([
  [at.config, 'config'],
  [at.vault, 'vault'],
  [INCINERATED, 'incinerator'],
  ...names.flatMap((name): [Key, string][] => [
    [keyOf(name), name],
    [participantOf(name), `participant of ${name}`],
  ]),
]);

/** What a person calls this address. */
export function labelOf(key: Key): string {
  return labels.get(key) ?? key.slice(0, 8);
}
