import {
  ASSURANCES,
  type Bundle,
  FINISH_REASONS,
  OUTCOME_VERDICTS,
  REFUSAL_REASONS,
  ROLES,
  TIMEOUT_CAUSES,
} from '@karmesh/sdk/protocol';

/** One changed place of a bundle. */
export interface Flip {
  /** Where and what: `entry.evidence.seals[0].arrivedAtMs + 1`. */
  readonly name: string;
  readonly bundle: Bundle;
}

/** Every alternative of a field that is one of a list of words; other texts lose their last letter's lowest bit. */
const WORDS = [ASSURANCES, FINISH_REASONS, OUTCOME_VERDICTS, REFUSAL_REASONS, ROLES, TIMEOUT_CAUSES] as const;

/**
 * Every way to change one leaf or one list of a value: a bit in the first, middle and last byte of bytes; a number up and down by
 * one; another word of a list of words; a list without an element, with one twice, and with two neighbours in the other order.
 */
function* changes(value: unknown, name: string): Generator<{ readonly name: string; readonly value: unknown }> {
  if (value instanceof Uint8Array) yield* changedBytes(value, name);
  else if (typeof value === 'number' || typeof value === 'bigint') yield* changedNumber(value, name);
  else if (typeof value === 'string') yield* changedText(value, name);
  else if (Array.isArray(value)) yield* changedList(value, name);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      const under = name === '' ? key : `${name}.${key}`;
      for (const change of changes(inner, under)) yield { ...change, value: { ...value, [key]: change.value } };
    }
  } else throw new RangeError(`${name} is of a kind that no bundle holds.`);
}

function* changedBytes(bytes: Uint8Array, name: string) {
  for (const at of new Set([0, bytes.length >> 1, bytes.length - 1])) {
    if (at < 0) continue;
    const bit = at % 8;
    yield { name: `${name} byte ${at}`, value: bytes.map((byte, i) => (i === at ? byte ^ (1 << bit) : byte)) };
  }
  yield { name: `${name} zeroed`, value: new Uint8Array(bytes.length) };
}

function* changedNumber(value: number | bigint, name: string) {
  yield { name: `${name} + 1`, value: typeof value === 'bigint' ? value + 1n : value + 1 };
  if (value > 0) yield { name: `${name} - 1`, value: typeof value === 'bigint' ? value - 1n : value - 1 };
}

function* changedText(value: string, name: string) {
  const words = WORDS.find((list) => (list as readonly string[]).includes(value));
  for (const word of words ?? []) if (word !== value) yield { name: `${name} ${word}`, value: word };
  if (words === undefined) {
    yield { name: `${name} longer`, value: `${value} ` };
    const last = value.charCodeAt(value.length - 1);
    if (value !== '') yield { name: `${name} last`, value: value.slice(0, -1) + String.fromCharCode(last ^ 1) };
  }
}

function* changedList(list: readonly unknown[], name: string): Generator<{ name: string; value: unknown }> {
  for (const [i, element] of list.entries()) {
    yield { name: `${name} without ${i}`, value: list.toSpliced(i, 1) };
    yield { name: `${name} with ${i} twice`, value: list.toSpliced(i, 0, element) };
    if (i > 0) yield { name: `${name} swapped at ${i}`, value: list.toSpliced(i - 1, 2, element, list[i - 1]) };
    for (const change of changes(element, `${name}[${i}]`)) yield { ...change, value: list.with(i, change.value) };
  }
}

/** Every change of one place in a bundle; a bundle without one of its parts too. */
export function* flipsOf(bundle: Bundle): Generator<Flip> {
  for (const key of Object.keys(bundle) as (keyof Bundle)[]) {
    const { [key]: _, ...rest } = bundle;
    yield { name: `without ${key}`, bundle: rest as Bundle };
  }
  // Each change keeps the bundle's shape; what its values may be is for the codec to say.
  for (const { name, value } of changes(bundle, '')) yield { name, bundle: value as Bundle };
}
