import { BUMP_AT, bytesOf } from '../model/layout.ts';
import { type Effect, type Key, type Ledger, ZERO } from '../model/ledger.ts';
import { MODEL } from '../model/program.ts';
import { accountAt, Refusal, RUNTIME } from '../model/rules.ts';
import { labelOf } from './cast.ts';
import { programErrorNames } from './errorNames.ts';
import type { Machine, Sent } from './machine.ts';
import type { Step } from './step.ts';

/** Program and model disagree, or an invariant is broken. */
export class Disagreement extends Error {}

/** What a transaction came to, in both. */
export type Outcome =
  | { readonly ran: true }
  | { readonly ran: false; readonly error: string; readonly isCertain: boolean };

/** What the model says of a transaction: what it does, or why it is refused. */
function foretold(ledger: Ledger, sent: Sent): Effect | Refusal {
  const stretched = sent.stretch !== undefined && sent.stretch !== 0;
  try {
    const effect = MODEL[sent.name](ledger, sent);
    return stretched ? new Refusal(new Set([RUNTIME])) : effect;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return stretched ? new Refusal(new Set([...error.possible, RUNTIME]), error.isOpen) : error;
  }
}

/** True if the model takes a transaction; nothing happens. */
export function isTaken(ledger: Ledger, sent: Sent): boolean {
  return typeof foretold(ledger, sent) === 'function';
}

/** Sends a transaction to both and compares the outcome and every account that it names. */
export function playSent(machine: Machine, ledger: Ledger, sent: Sent): Outcome {
  const expected = foretold(ledger, sent);
  const result = machine.send(sent);
  const error = result === undefined ? undefined : nameOf(result);
  if (typeof expected !== 'function') {
    const { possible, isOpen, message } = expected;
    if (error === undefined) throw new Disagreement(`the program takes what is ${message}`);
    if (!isOpen && !possible.has(error)) {
      throw new Disagreement(`the program says ${error} (${result}) to what is ${message}`);
    }
    return { ran: false, error, isCertain: !isOpen && possible.size === 1 };
  }
  if (error !== undefined) throw new Disagreement(`the program refuses with ${error} (${result}) what the model takes`);
  expected();
  for (const key of new Set(sent.accounts)) if (key !== ZERO) compare(machine, ledger, key);
  return { ran: true };
}

function nameOf(result: number | string): string {
  return typeof result === 'number' ? (programErrorNames.get(result) ?? RUNTIME) : RUNTIME;
}

/** A step that is no transaction. */
export function playOther(machine: Machine, ledger: Ledger, step: Exclude<Step, { kind: 'send' }>): void {
  if (step.kind === 'slot') {
    if (step.to <= ledger.slot) return;
    ledger.slot = step.to;
    machine.setSlot(step.to);
    return;
  }
  const account = accountAt(ledger, step.to);
  account.lamports += step.lamports;
  machine.setLamports(step.to, account.lamports);
}

/** Throws unless the account has the lamports and the bytes that the model says. */
export function compare(machine: Machine, ledger: Ledger, key: Key): void {
  const there = machine.account(key);
  const expected = ledger.accounts.get(key);
  const lamports = expected?.lamports ?? 0n;
  if ((there?.lamports ?? 0n) !== lamports) {
    throw new Disagreement(`${labelOf(key)} has ${there?.lamports ?? 0n} lamports, not ${lamports}`);
  }
  if (lamports === 0n) return;
  const data = expected?.data;
  const actual = Buffer.from(there?.data ?? new Uint8Array());
  if (data === undefined) {
    if (actual.length > 0) throw new Disagreement(`${labelOf(key)} holds data`);
    return;
  }
  const bytes = bytesOf(data);
  for (const at of BUMP_AT[data.kind]) bytes[at] = actual[at] ?? 0;
  if (bytes.equals(actual)) return;
  const at = bytes.findIndex((byte, i) => byte !== actual[i]);
  const word = (of: Buffer): string => of.subarray(at & ~7, (at & ~7) + 8).toString('hex');
  throw new Disagreement(
    `${data.kind} ${labelOf(key)} differs at byte ${at}: ${word(actual)} in the program, ${word(bytes)} in the model`,
  );
}

/** All accounts of the ledger. */
export function compareAll(machine: Machine, ledger: Ledger): void {
  for (const key of ledger.accounts.keys()) if (key !== ZERO) compare(machine, ledger, key);
}
