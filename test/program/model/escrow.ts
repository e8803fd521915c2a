import { at } from './addresses.ts';
import { epochAt, GATEWAY, isLater, nextEpoch, rent, SIZE } from './amounts.ts';
import { voucherHash } from './hashes.ts';
import { type Escrow, type Instruction, NONE } from './ledger.ts';
import { canPay, creating, move } from './moves.ts';
import { Rules } from './rules.ts';

/** Lamports above the rent, which is what an escrow holds for its buyer. */
export function balanceOf(lamports: bigint): bigint {
  return lamports - rent(SIZE.escrow);
}

/** P-08: buyer, gateway, escrow. */
export const openEscrow: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const [amount, authorised] = [rules.u64('amount'), rules.u64('authorised')];
  const gateway = rules.read(1, 'participant');
  rules.check(gateway.role === GATEWAY, 'WrongRole');
  const address = at.escrow(rules.key(1), rules.key(0));
  const make = creating(rules, { place: 2, payer: 0, address, kind: 'escrow', extra: amount });
  rules.stop();
  const escrow: Escrow = {
    ...{ kind: 'escrow', gateway: rules.key(1), buyer: rules.key(0), cumulativeDebit: 0n, withdrawAmount: 0n },
    ...{ withdrawAfterEpoch: NONE, lastSettledEpoch: NONE, authorised },
  };
  return () => make([escrow]);
};

/** P-09: payer, escrow. */
export const depositEscrow: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const amount = rules.u64('amount');
  rules.check(rules.signs(0), 'WrongIdentity');
  rules.check(amount > 0n, 'BadAmount');
  rules.read(1, 'escrow');
  canPay(rules, 0, amount);
  rules.stop();
  return () => move(ledger, rules.key(0), rules.key(1), amount);
};

/** P-10: buyer, config, escrow. */
export const requestWithdrawal: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const amount = rules.u64('amount');
  const config = rules.read(1, 'config');
  const escrow = rules.read(2, 'escrow');
  rules.check(rules.signs(0) && rules.key(0) === escrow.buyer, 'BadOwner');
  rules.check(amount > 0n && amount <= balanceOf(rules.lamports(2)), 'BadAmount');
  rules.stop();
  return () => {
    escrow.withdrawAmount = amount;
    escrow.withdrawAfterEpoch = nextEpoch(config, ledger.slot);
  };
};

/** P-11: buyer, config, escrow. */
export const withdrawEscrow: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(1, 'config');
  const escrow = rules.read(2, 'escrow');
  const { withdrawAfterEpoch: after } = escrow;
  const current = epochAt(config, ledger.slot);
  rules.check(rules.signs(0) && rules.key(0) === escrow.buyer, 'BadOwner');
  rules.check(after !== NONE, 'NoWithdrawal');
  const isFree = current === undefined || !isLater(config, after) || current >= after + 64n;
  rules.check(after === NONE || isFree, 'WithdrawalLocked');
  rules.stop();
  return () => {
    const balance = balanceOf(rules.lamports(2));
    move(ledger, rules.key(2), rules.key(0), escrow.withdrawAmount < balance ? escrow.withdrawAmount : balance);
    escrow.withdrawAmount = 0n;
    escrow.withdrawAfterEpoch = NONE;
  };
};

/** P-39: escrow, config, buyer. */
export const authoriseDebit: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const cumulative = rules.u64('cumulative');
  const escrow = rules.read(0, 'escrow');
  const config = rules.read(1, 'config');
  rules.check(rules.key(2) === escrow.buyer, 'BadOwner');
  if (!rules.signs(2)) {
    const [message, ...more] = call.signed?.messages ?? [];
    const voucher = voucherHash(config.domain, rules.key(0), cumulative);
    rules.check(call.signed?.by === escrow.buyer && message === voucher && more.length === 0, 'NoVoucher');
  }
  rules.check(cumulative > escrow.authorised, 'VoucherOutdated');
  rules.stop();
  return () => {
    escrow.authorised = cumulative;
  };
};
