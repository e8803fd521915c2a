/**
 * Where the ledger is not what it stands for. `about` names an account of the ledger, a request (in hexadecimal digits), a transaction, an escrow or a key (by its
 * name); `ledger` is what the ledger has and `found` what it should have, in lamports, or in base units where it is a deposit on chain.
 */
export type LedgerDifference = {
  readonly check:
    | 'balance'
    | 'sum'
    | 'movement'
    | 'settlement'
    | 'charge'
    | 'entry'
    | 'deposit'
    | 'allowance'
    | 'cap'
    | 'escrow'
    | 'deposit-on-chain';
  readonly about: string;
  readonly ledger: bigint;
  readonly found: bigint;
};

export const differenceLine = ({ about, check, found, ledger }: LedgerDifference): string =>
  `${check.padEnd(16)}  ${about}: the ledger has ${ledger}, and should have ${found}.`;
