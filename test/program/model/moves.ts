import { rent } from './amounts.ts';
import { type Data, type Effect, type Key, type Ledger, NONE } from './ledger.ts';
import { accountAt, RUNTIME, type Rules } from './rules.ts';

/** Bytes of what the program makes. */
const BYTES = {
  config: 1152,
  vault: 112,
  participant: 832,
  stake: 184,
  escrow: 160,
  epoch: 1024,
  vote: 192,
  proposal: 216,
  ballot: 152,
  finding: 88,
  case: 176,
  chain: 96,
} as const satisfies Record<Data['kind'], number>;

export interface Creation {
  /** Places of the account that is made and of who pays for it. */
  readonly place: number;
  readonly payer: number;
  readonly address: Key;
  readonly kind: Data['kind'];
  /** Lamports above the rent. */
  readonly extra?: bigint;
}

/** What a creation takes from its payer: a stranger's lamports at the address pay for rent alone. */
function costOf(rules: Rules, { place, kind, extra = 0n }: Creation): bigint {
  const missing = rent(BYTES[kind]) - rules.lamports(place);
  return (missing > 0n ? missing : 0n) + extra;
}

/** Checks that accounts can be made, and returns what makes them. */
export function creating(rules: Rules, ...creations: readonly Creation[]): (data: readonly Data[]) => void {
  let needed = 0n;
  for (const creation of creations) {
    const key = rules.key(creation.place);
    rules.check(key === creation.address, 'BadPda');
    rules.check(rules.ledger.accounts.get(key)?.data === undefined, 'AlreadyInitialised');
    rules.check(rules.signs(creation.payer), 'WrongIdentity');
    needed += costOf(rules, creation);
  }
  const [first] = creations;
  rules.check(needed <= NONE, 'Overflow');
  if (first !== undefined) canPay(rules, first.payer, needed);
  return (data) => {
    for (const [i, creation] of creations.entries()) {
      const made = data[i];
      if (made === undefined) throw new RangeError('An account is made without data.');
      const cost = costOf(rules, creation);
      rules.account(creation.payer).lamports -= cost;
      const account = rules.account(creation.place);
      account.lamports += cost;
      account.data = made;
    }
  };
}

/** A wallet pays through the system program, which takes from wallets alone, and leaves it its rent or nothing. */
export function canPay(rules: Rules, place: number, amount: bigint): void {
  const account = rules.ledger.accounts.get(rules.key(place));
  const left = (account?.lamports ?? 0n) - amount;
  rules.check(amount === 0n || (account?.data === undefined && (left === 0n || left >= rent(0))), RUNTIME);
}

/** Moves lamports of an account of the program's. */
export function move(ledger: Ledger, from: Key, to: Key, amount: bigint): void {
  accountAt(ledger, from).lamports -= amount;
  accountAt(ledger, to).lamports += amount;
}

/** Ends an account: all its lamports go to one who is paid. */
export function ending(rules: Rules, place: number, to: number): Effect {
  return () => {
    const [key, payee] = [rules.key(place), rules.key(to)];
    move(rules.ledger, key, payee, rules.lamports(place));
    rules.ledger.accounts.delete(key);
  };
}
