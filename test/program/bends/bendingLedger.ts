import { instructionName, programErrorName, toBase58 } from '@karmesh/sdk/program';
import type { Keypair } from '@karmesh/sdk/runtime';
import type { TransactionInstruction } from '@solana/web3.js';
import { namedKey } from '../keys.ts';
import type { LiteSvmLedger } from '../ledger/liteSvmLedger.ts';
import { SOL } from '../world.ts';
import { type Bend, bentData, fewerAccounts, swappedAccounts, unsignedAccounts } from './bendsOf.ts';
import { worldAccounts } from './worldAccounts.ts';

/** What became of an instruction with one thing wrong. */
export interface BendOutcome {
  readonly instruction: string;
  readonly part: string;
  readonly as: string;
  /** The program's error by name, the runtime's in its own words, or `it ran`. */
  readonly outcome: string;
}

export const RAN = 'it ran';

export interface BenderOptions {
  /** True of a bent copy that may well run, so that it is only simulated. Another that runs is thrown. */
  mayRun(bend: { readonly instruction: string; readonly part: string; readonly as: string }): boolean;
}

/** Tries bent copies of every instruction that runs on the ledgers that it wraps. */
export interface Bender {
  readonly outcomes: readonly BendOutcome[];
  /** Instructions of which a refused copy changed an account that it named. */
  readonly moved: readonly string[];
  on(ledger: LiteSvmLedger): LiteSvmLedger;
}

interface Noted {
  readonly outcomes: BendOutcome[];
  readonly moved: string[];
  /** The instructions that were bent, with the types of their accounts. */
  readonly shapes: Set<string>;
}

export function bender(options: BenderOptions): Bender {
  const noted: Noted = { outcomes: [], moved: [], shapes: new Set() };
  return { ...noted, on: (ledger) => bending(ledger, noted, options) };
}

/** The program's error by name, or the runtime's word without the instruction's place. */
function outcomeOf(error: unknown): string {
  const name = programErrorName(error);
  if (name !== undefined) return name;
  const { fault } = (error as { readonly facts?: { readonly fault?: unknown } }).facts ?? {};
  if (typeof fault !== 'string') throw error;
  const parsed: unknown = JSON.parse(fault);
  if (typeof parsed !== 'object' || parsed === null || !('InstructionError' in parsed)) return fault;
  const [, reason] = parsed.InstructionError as [number, unknown];
  return typeof reason === 'string' ? reason : JSON.stringify(reason);
}

/** The ledger, on which bent copies of a transaction with one instruction of the program go before it. */
function bending(ledger: LiteSvmLedger, noted: Noted, { mayRun }: BenderOptions): LiteSvmLedger {
  const world = worldAccounts(ledger);
  const payer = namedKey('payer of bent transactions').publicKey;
  const stranger = namedKey('stranger').publicKey;
  const signers = new Set<string>();
  let last: Promise<unknown> = Promise.resolve();

  const bendsOf = async (instruction: TransactionInstruction): Promise<readonly Bend[]> => {
    const types = await Promise.all(instruction.keys.map(({ pubkey }) => world.typeOf(pubkey.toBytes())));
    const shape = [instructionName(instruction.data), ...types].join(' ');
    if (noted.shapes.has(shape)) return [];
    noted.shapes.add(shape);
    const swapped = await swappedAccounts(instruction, { ledger, world, signers: [...signers], stranger });
    return [...bentData(instruction), ...fewerAccounts(instruction), ...unsignedAccounts(instruction), ...swapped];
  };

  /** Lamports and data of every account that the copies name. */
  const state = async (bends: readonly Bend[]): Promise<string> => {
    const named = new Map(
      bends.flatMap(({ instruction }) => instruction.keys.map(({ pubkey }) => [pubkey.toBase58(), pubkey.toBytes()])),
    );
    const accounts = await Promise.all([...named.values()].map((address) => ledger.account(address)));
    return accounts.map((at) => (at ? `${at.lamports} ${Buffer.from(at.data).toString('base64')}` : '')).join('\n');
  };

  const tryBends = async (instructions: readonly TransactionInstruction[], instruction: TransactionInstruction) => {
    const called = instructionName(instruction.data) ?? '';
    const bends = await bendsOf(instruction);
    const before = await state(bends);
    for (const { part, as, instruction: bent } of bends) {
      const bend = { instruction: called, part, as };
      const transaction = instructions.map((one) => (one === instruction ? bent : one));
      const outcome = await ledger.tryUnsigned(transaction, { payer, keep: !mayRun(bend) }).then(() => RAN, outcomeOf);
      if (outcome === RAN && !mayRun(bend)) throw new RangeError(`${called} ran with ${as} as its ${part}.`);
      noted.outcomes.push({ ...bend, outcome });
    }
    if ((await state(bends)) !== before) noted.moved.push(called);
  };

  const sendAfterBends = async (instructions: readonly TransactionInstruction[], keys: readonly Keypair[]) => {
    if (signers.size === 0) await ledger.fund(payer, 100n * SOL);
    if (signers.size === 0) await ledger.fund(stranger, 1_000n * SOL);
    for (const key of [{ publicKey: stranger }, ...keys]) signers.add(toBase58(key.publicKey));
    for (const instruction of instructions) world.note(instruction);
    const [ours, another] = instructions.filter(({ data }) => instructionName(data) !== undefined);
    if (ours !== undefined && another === undefined) {
      const would = ledger.tryUnsigned(instructions, { payer, keep: false });
      const runs = await would.then(
        () => true,
        () => false,
      );
      if (runs) await tryBends(instructions, ours);
    }
    return ledger.send(instructions, keys);
  };

  return {
    ...ledger,
    // One after another, so that what a copy was tried against still stands.
    send(instructions, keys) {
      const sent = last.then(() => sendAfterBends(instructions, keys));
      last = sent.catch(() => undefined);
      return sent;
    },
  };
}
