import { expect, test } from 'vitest';
import { toBase58 } from './address.ts';
import { buildInstruction, decodeEvent } from './coder.ts';
import { eventsInLogs } from './events.ts';
import { PROGRAM_ID } from './programId.ts';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

test('lays arguments and accounts as the program reads them', () => {
  const instruction = buildInstruction({
    programId: PROGRAM_ID,
    name: 'openEscrow',
    args: { amount: 2n ** 64n - 1n, authorised: 1n },
    accounts: { buyer: key(1), gateway: key(2), escrow: key(3) },
  });
  expect([...instruction.data.subarray(8)]).toEqual([255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0]);
  expect(
    instruction.keys.map(({ pubkey, isSigner, isWritable }) => [pubkey.toBytes()[0], isSigner, isWritable]),
  ).toEqual([
    [1, true, true],
    [2, false, false],
    [3, false, true],
    [0, false, false],
  ]);
});

test('refuses an unknown instruction and a missing account', () => {
  const options = { programId: PROGRAM_ID, name: 'mint', args: {}, accounts: {} };
  expect(() => buildInstruction(options)).toThrowError(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  expect(() => buildInstruction({ ...options, name: 'start' })).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT', facts: { instruction: 'start', account: 'initialiser' } }),
  );
});

test("takes the program's own data lines alone for events", () => {
  const line =
    'Program data: 2cB7SGyW+CEAAAAAAAAAAPxUlrXYTBCulMibmT9E92+Vfn8/B/NCWGPws7SOK2h3ADUMAAAAAABkAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAyAAAAAAAAAAAAAAAAAAAA';
  const ours = `Program ${toBase58(PROGRAM_ID)}`;
  const other = `Program ${toBase58(key(9))}`;
  const claimed = {
    name: 'Claimed',
    data: {
      epoch: 0n,
      participant: expect.any(Uint8Array),
      paid: 800_000n,
      karma: [100n, 0n, 0n, 50n, 0n],
    },
  };
  expect(eventsInLogs([`${ours} invoke [1]`, line, `${ours} success`], PROGRAM_ID)).toEqual([claimed]);
  expect(eventsInLogs([`${other} invoke [1]`, line, `${other} success`], PROGRAM_ID)).toEqual([]);
  const nested = [`${ours} invoke [1]`, `${other} invoke [2]`, line, `${other} success`, line, `${ours} success`];
  expect(eventsInLogs(nested, PROGRAM_ID)).toEqual([claimed]);
  expect(decodeEvent('AAAA')).toBeUndefined();
});
