import type { Account, Call, DataKind, DataOf, Key, Ledger } from './ledger.ts';

/** An instruction that the protocol refuses, with the errors of all rules that it breaks: which of them a program looks at first is left to it. Not an `Error`: a tenth of all steps ends in one, and nobody asks for its stack. */
export class Refusal {
  readonly possible: ReadonlySet<string>;
  /** True if more rules may be broken, which could not be looked at because an account is not what it should be. */
  readonly isOpen: boolean;

  constructor(possible: ReadonlySet<string>, isOpen = false) {
    this.possible = possible;
    this.isOpen = isOpen;
  }

  get message(): string {
    return [...this.possible].join(' or ');
  }
}

/** What the runtime refuses, not the program: a payer without the lamports, for one. */
export const RUNTIME = 'Runtime';

/** Collects the rules that a call breaks. */
export class Rules {
  readonly ledger: Ledger;
  readonly call: Call;
  private readonly broken = new Set<string>();

  constructor(ledger: Ledger, call: Call) {
    this.ledger = ledger;
    this.call = call;
  }

  check(holds: boolean, error: string): void {
    if (!holds) this.broken.add(error);
  }

  /** Ends with a refusal if any rule was broken so far. */
  stop(): void {
    if (this.broken.size > 0) throw new Refusal(this.broken);
  }

  /** The account at this place of the table. */
  key(place: number): Key {
    const key = this.call.accounts[place];
    if (key === undefined) throw new RangeError('The call has no account at this place.');
    return key;
  }

  signs(place: number): boolean {
    return this.call.signs.includes(this.key(place));
  }

  /** What the program keeps in the account at this place: `BadOwner` if it is another's or of another type. */
  read<K extends DataKind>(place: number, kind: K): DataOf<K> {
    const data = this.ledger.accounts.get(this.key(place))?.data;
    if (data?.kind === kind) return data as DataOf<K>;
    this.broken.add('BadOwner');
    throw new Refusal(this.broken, true);
  }

  account(place: number): Account {
    return accountAt(this.ledger, this.key(place));
  }

  lamports(place: number): bigint {
    return this.ledger.accounts.get(this.key(place))?.lamports ?? 0n;
  }

  number(name: string): number {
    return this.call.args[name] as number;
  }

  u64(name: string): bigint {
    return this.call.args[name] as bigint;
  }

  hash(name: string): Key {
    return this.call.args[name] as Key;
  }
}

/** The account at an address; an empty wallet if nobody has paid to it. */
export function accountAt({ accounts }: Ledger, key: Key): Account {
  const known = accounts.get(key);
  if (known !== undefined) return known;
  const made: Account = { lamports: 0n };
  accounts.set(key, made);
  return made;
}
