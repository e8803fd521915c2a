import type { Key } from '../model/ledger.ts';
import { NONE } from '../model/ledger.ts';
import { keyNamed, WALLETS } from './cast.ts';
import type { Sent } from './machine.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';

/** The same transaction with one thing changed, as somebody would who tries what the program lets pass. */
export function hostile(stage: Stage, sent: Sent, random: Random): Sent {
  const kind = random.below(10);
  if (kind < 2 && sent.signs.length > 0) {
    const gone = random.pick(sent.signs);
    return { ...sent, signs: sent.signs.filter((key) => key !== gone) };
  }
  if (kind < 5) return withOtherAccount(stage, sent, random);
  if (kind < 6) {
    const [from, to] = [random.below(sent.accounts.length), random.below(sent.accounts.length)];
    return { ...sent, accounts: sent.accounts.with(to, sent.accounts[from] ?? '') };
  }
  if (kind < 7) return { ...sent, stretch: random.pick([-8, -1, 1, 8]) ?? 1 };
  return withOtherArgument(sent, random);
}

/** Another account of the same type, or any. Who signs for the one that was there signs for the other, if it is a wallet. */
function withOtherAccount(stage: Stage, sent: Sent, random: Random): Sent {
  const place = random.below(sent.accounts.length);
  const before = sent.accounts[place] ?? '';
  const { accounts } = stage.ledger;
  const kind = accounts.get(before)?.data?.kind;
  const known = [...accounts.keys()];
  const alike = kind === undefined ? WALLETS : known.filter((key) => accounts.get(key)?.data?.kind === kind);
  const other: Key = random.pick(random.chance(75) ? alike : known) ?? before;
  const isWallet = WALLETS.includes(other);
  const signs = sent.signs.map((key) => (key === before && isWallet ? other : key));
  return {
    ...sent,
    accounts: sent.accounts.with(place, other),
    signs: signs.filter((key) => sent.accounts.with(place, other).includes(key)),
  };
}

function withOtherArgument(sent: Sent, random: Random): Sent {
  const name = random.pick(Object.keys(sent.args));
  if (name === undefined) return { ...sent, stretch: 1 };
  return { ...sent, args: { ...sent.args, [name]: otherThan(name, sent.args[name], random) } };
}

/** Numbers that fit fewer than 32 bits. */
const BITS: Readonly<Record<string, number>> = {
  ...{ bps: 16, capacity: 16, index: 16, version: 16 },
  ...{ model_count: 8, has_secp256k1: 8, recovery_id: 8, kind: 8, asset: 8 },
};

function otherThan(name: string, value: unknown, random: Random): unknown {
  if (typeof value === 'bigint') {
    return random.pick([0n, 1n, NONE, value > 0n ? value - 1n : 1n, value < NONE ? value + 1n : 0n, value / 2n]);
  }
  if (typeof value === 'number') {
    const most = 2 ** (BITS[name] ?? 32) - 1;
    return random.pick([0, 1, most, value > 0 ? value - 1 : 1, value < most ? value + 1 : 0]);
  }
  if (typeof value === 'string') return keyNamed(`other ${random.below(3)}`);
  if (value instanceof Uint8Array) {
    const changed = Uint8Array.from(value);
    const at = random.below(Math.max(1, changed.length));
    changed[at] = (changed[at] ?? 0) ^ 1;
    return changed;
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return value;
    const at = random.below(value.length);
    return value.with(at, otherThan('', value[at], random));
  }
  return ofStructure(value, random);
}

function ofStructure(value: unknown, random: Random): unknown {
  const fields = value as Readonly<Record<string, unknown>>;
  const name = random.pick(Object.keys(fields));
  return name === undefined ? value : { ...fields, [name]: otherThan('', fields[name], random) };
}
