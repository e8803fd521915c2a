import { concatBytes, fromHex } from '@karmesh/sdk/protocol';
import { at } from '../../model/addresses.ts';
import { GATEWAY } from '../../model/amounts.ts';
import { balanceOf } from '../../model/escrow.ts';
import { voucherHash } from '../../model/hashes.ts';
import { type Key, NONE } from '../../model/ledger.ts';
import { keyOf, pairWith } from '../cast.ts';
import { all, configOf } from '../stage.ts';
import { type Idea, send } from '../step.ts';

const SOL = 1_000_000_000n;

export const opening: Idea = (stage, random) => {
  const gateway = random.pick(all(stage.ledger, 'participant').filter(({ data }) => data.role === GATEWAY));
  const buyer = keyOf(random.chance(50) ? 'buyer 0' : 'buyer 1');
  if (gateway === undefined) return undefined;
  return send('open_escrow', [buyer, gateway.key, at.escrow(gateway.key, buyer)], {
    signs: [buyer],
    args: { amount: random.amount(2n * SOL), authorised: random.chance(50) ? NONE : random.amount(SOL) },
  });
};

export const depositing: Idea = (stage, random) => {
  const escrow = random.pick(all(stage.ledger, 'escrow'));
  const payer = keyOf(random.chance(50) ? 'stranger' : 'buyer 0');
  if (escrow === undefined) return undefined;
  const args = { amount: 1n + random.amount(SOL) };
  return send('deposit_escrow', [payer, escrow.key], { signs: [payer], args });
};

export const askingBack: Idea = (stage, random) => {
  const escrow = random.pick(all(stage.ledger, 'escrow'));
  if (escrow === undefined) return undefined;
  const { key, data } = escrow;
  const balance = balanceOf(stage.ledger.accounts.get(key)?.lamports ?? 0n);
  const amount = random.amount(balance) + (random.chance(5) ? 1n : 0n);
  return send('request_withdrawal', [data.buyer, at.config, key], { signs: [data.buyer], args: { amount } });
};

export const takingBack: Idea = (stage, random) => {
  const escrows = all(stage.ledger, 'escrow');
  const asked = escrows.filter(({ data }) => data.withdrawAfterEpoch !== NONE);
  const escrow = random.pick(asked.length > 0 ? asked : escrows);
  if (escrow === undefined) return undefined;
  const { key, data } = escrow;
  return send('withdraw_escrow', [data.buyer, at.config, key], { signs: [data.buyer] });
};

/** The buyer itself allows more, or anybody brings its voucher; now and then one that was shown before. */
export const authorising: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  const escrows = all(stage.ledger, 'escrow');
  const escrow = random.pick(escrows.filter(({ data }) => data.authorised !== NONE));
  if (config === undefined || escrow === undefined) return undefined;
  const { key, data } = escrow;
  const { buyer, authorised } = data;
  const wanted = random.chance(85) ? authorised + 1n + random.amount(SOL) : authorised - random.amount(authorised);
  const cumulative = wanted < NONE ? wanted : NONE - 1n;
  const accounts = [key, at.config, buyer];
  if (random.chance(30)) return send('authorise_debit', accounts, { signs: [buyer], args: { cumulative } });
  const of = random.chance(95) ? cumulative : cumulative + 1n;
  const message = voucherHash(config.domain, random.chance(95) ? key : (escrows[0]?.key ?? key), of);
  const shown = signedOnce(buyer, message);
  return shown === undefined ? undefined : send('authorise_debit', accounts, { args: { cumulative }, ...shown });
};

/** The Ed25519 program's instruction over one signature, and what it says. */
function signedOnce(by: Key, message: Key) {
  const pair = pairWith(by);
  if (pair === undefined) return undefined;
  const numbers = [16, 0xffff, 80, 0xffff, 112, 32, 0xffff];
  const precompile = concatBytes(
    new Uint8Array([1, 0, ...numbers.flatMap((value) => [value & 255, value >> 8])]),
    pair.sign(fromHex(message)),
    fromHex(by),
    fromHex(message),
  );
  return { precompile, signed: { by, messages: [message] } };
}
