import { idl, numberedError } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { ACCEPTED, type Accepted } from './bends/accepted.ts';
import { type BendOutcome, bender, RAN } from './bends/bendingLedger.ts';
import { everyInstruction } from './everyInstruction.ts';

/** What the runtime says where the program says nothing (docs/protocol.md, Instructions). */
const RUNTIME = [
  // Data that is short, long or of no instruction; an account too few.
  'InvalidInstructionData',
  'NotEnoughAccountKeys',
  // A called program is not among the accounts.
  'MissingAccount',
  // One account in two places of which one is written.
  'AccountBorrowFailed',
  // The system program's: who pays has too little.
  '{"Custom":1}',
];

type Bent = Pick<BendOutcome, 'instruction' | 'part' | 'as'>;

function accepted({ instruction, part, as }: Bent): Accepted | undefined {
  return ACCEPTED.find(
    (one) => one.instruction === instruction && one.account === part && (one.as?.includes(as) ?? true),
  );
}

const words = ({ instruction, part, as }: Bent) => `${instruction}.${part}: ${as}`;

test('every instruction refuses every account that is another, unsigned or given twice, and bent data', {
  timeout: 480_000,
}, async () => {
  const bent = bender({ mayRun: (bend) => accepted(bend) !== undefined });
  await everyInstruction(bent.on);
  const { outcomes, moved } = bent;

  const ran = outcomes.filter(({ outcome }) => outcome === RAN);
  const used = new Set(ran.map(accepted));
  expect(ACCEPTED.filter((one) => !used.has(one))).toEqual([]);
  expect(moved).toEqual([]);

  const names = new Set(idl.errors?.map(({ code }) => numberedError(code)?.name));
  const unknown = outcomes.filter(
    ({ outcome }) => outcome !== RAN && !names.has(outcome) && !RUNTIME.includes(outcome),
  );
  expect(unknown.map((one) => `${words(one)}: ${one.outcome}`)).toEqual([]);
  const said = new Set(outcomes.map(({ outcome }) => outcome));
  expect(RUNTIME.filter((word) => !said.has(word))).toEqual([]);

  const bentNames = new Set(outcomes.map(({ instruction }) => instruction));
  expect(idl.instructions.map(({ name }) => name).filter((name) => !bentNames.has(name))).toEqual([]);
});
