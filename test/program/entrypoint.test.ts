import { KarmeshError } from '@karmesh/sdk/errors';
import { idl, PROGRAM_ID, toPublicKey } from '@karmesh/sdk/program';
import { TransactionInstruction } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { namedKey } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { SOL } from './world.ts';

const payer = namedKey('operator');

async function outcome(data: Uint8Array, accounts = 0): Promise<string> {
  const ledger = liteSvmLedger();
  await ledger.fund(payer.publicKey, SOL);
  const keys = Array.from({ length: accounts }, () => ({
    pubkey: toPublicKey(payer.publicKey),
    isSigner: true,
    isWritable: true,
  }));
  const instruction = new TransactionInstruction({
    programId: toPublicKey(PROGRAM_ID),
    keys,
    data: Buffer.from(data),
  });
  return await ledger.send([instruction], [payer]).then(
    () => 'it ran',
    (error: unknown) =>
      error instanceof KarmeshError ? String(error.facts.lastLog ?? error.facts.name) : String(error),
  );
}

/** Bytes of an instruction's arguments with empty vectors. */
function sizeOf(type: unknown): number {
  const primitive: Record<string, number> = { u8: 1, u16: 2, u32: 4, u64: 8, pubkey: 32 };
  if (typeof type === 'string') return primitive[type] ?? Number.NaN;
  const { array, defined } = type as { array?: [unknown, number]; defined?: { name: string }; vec?: unknown };
  if (array !== undefined) return sizeOf(array[0]) * array[1];
  if (defined === undefined) return 4;
  const found = idl.types?.find(({ name }) => name === defined.name)?.type as { fields: { type: unknown }[] };
  return found.fields.reduce((sum, field) => sum + sizeOf(field.type), 0);
}

const instructions = idl.instructions.map(({ name, discriminator, args }) => ({
  name,
  discriminator,
  size: args.reduce((sum, { type }) => sum + sizeOf(type), 0),
  hasPath: args.some(({ type }) => typeof type === 'object' && 'vec' in type),
}));

test.each(instructions)('$name: data that is short is refused', async ({ discriminator, size, hasPath }) => {
  if (size === 0 || hasPath) return;
  const short = new Uint8Array([...discriminator, ...new Uint8Array(size - 1)]);
  expect(await outcome(short, 6)).toMatch(/invalid instruction data/);
});

test.each(instructions)('$name: data that goes on after the last argument is refused', async (instruction) => {
  if (instruction.hasPath) return;
  const long = new Uint8Array([...instruction.discriminator, ...new Uint8Array(instruction.size + 1)]);
  expect(await outcome(long, 6)).toMatch(/invalid instruction data/);
});

test.each(instructions)('$name: too few accounts are refused', async ({ name, discriminator, size }) => {
  const data = new Uint8Array([...discriminator, ...new Uint8Array(size)]);
  // A worker's models are read before its accounts are.
  expect(await outcome(data)).toMatch(name === 'registerWorker' ? /BadModels/ : /insufficient account keys/);
});

test.each([
  ['nothing', new Uint8Array(0)],
  ['seven bytes', new Uint8Array(7)],
  ['an unknown discriminator', new Uint8Array(8)],
])('%s is no instruction', async (_, data) => {
  expect(await outcome(data, 6)).toMatch(/invalid instruction data/);
});
