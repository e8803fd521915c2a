import { instructionName } from '@karmesh/sdk/program';
import type { TransactionInstruction } from '@solana/web3.js';
import type { Ledger } from '../../program/ledger/ledger.ts';

/** What transactions took, in lamports and compute units. */
export interface Spent {
  readonly transactions: number;
  /** Gone for good. */
  readonly fees: bigint;
  /** Rent of accounts that were made, less that of accounts that were ended. */
  readonly locked: bigint;
  /** The most that one of them took, all its instructions together. */
  readonly units: bigint;
}

export const NOTHING: Spent = { transactions: 0, fees: 0n, locked: 0n, units: 0n };

export function together(a: Spent, b: Spent): Spent {
  return {
    transactions: a.transactions + b.transactions,
    fees: a.fees + b.fees,
    locked: a.locked + b.locked,
    units: a.units > b.units ? a.units : b.units,
  };
}

export interface FeeMeter<L extends Ledger> {
  readonly ledger: L;
  /** What was spent since the last call, by the transaction's first instruction of the program; others by `other`. */
  take(): ReadonlyMap<string, Spent>;
}

/**
 * Measures fees by balances: what the accounts that a transaction may write to hold less afterwards is gone. It has to be the only
 * one that sends, so that one transaction runs after the other. With `single` it notes of each instruction the transaction that took
 * most units, and passes over those of several instructions.
 */
export function feeMeter<L extends Ledger>(ledger: L, { single = false } = {}): FeeMeter<L> {
  let spent = new Map<string, Spent>();
  let before: Promise<unknown> = Promise.resolve();
  const measured: Ledger['send'] = async (instructions, signers) => {
    const addresses = writable(instructions);
    for (const { publicKey } of signers) addresses.set(hex(publicKey), publicKey);
    const read = () => Promise.all([...addresses.values()].map((address) => ledger.account(address)));
    const held = await read();
    const ran = await ledger.send(instructions, signers);
    let fees = 0n;
    let locked = 0n;
    for (const [i, now] of (await read()).entries()) {
      const old = held[i];
      fees += (old?.lamports ?? 0n) - (now?.lamports ?? 0n);
      if (old === undefined && now !== undefined) locked += await ledger.rent(now.data.length);
      if (old !== undefined && now === undefined) locked -= await ledger.rent(old.data.length);
    }
    const names = instructions.map(({ data }) => instructionName(data)).filter((name) => name !== undefined);
    const name = names[0] ?? 'other';
    const one = { transactions: 1, fees, locked, units: ran.computeUnits };
    const known = spent.get(name) ?? NOTHING;
    if (!single) spent.set(name, together(known, one));
    else if (names.length === 1 && one.units > known.units) spent.set(name, one);
    return ran;
  };
  return {
    ledger: {
      ...ledger,
      send(instructions, signers) {
        const sent = before.then(() => measured(instructions, signers));
        before = sent.catch(() => undefined);
        return sent;
      },
    },
    take() {
      const taken = spent;
      spent = new Map();
      return taken;
    },
  };
}

function writable(instructions: readonly TransactionInstruction[]): Map<string, Uint8Array> {
  const keys = instructions.flatMap(({ keys }) => keys.filter(({ isWritable }) => isWritable));
  return new Map(keys.map(({ pubkey }) => [hex(pubkey.toBytes()), pubkey.toBytes()]));
}

function hex(address: Uint8Array): string {
  return Buffer.from(address).toString('hex');
}
