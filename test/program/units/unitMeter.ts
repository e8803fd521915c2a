import { instructionName } from '@karmesh/sdk/program';
import type { Ledger } from '../ledger/ledger.ts';
import type { UnitTable } from './compareUnits.ts';

/** The most compute units that each case of each instruction took. */
export interface UnitMeter {
  /** The ledger, noting what each instruction takes as the case of this name; `worst` unless told. */
  on<L extends Ledger>(ledger: L, name?: string): L;
  /** All that was noted, instructions in the order of `instructions`; one that was never sent is left out. */
  table(instructions: readonly string[]): UnitTable;
}

export function unitMeter(): UnitMeter {
  const noted = new Map<string, Map<string, number>>();
  return {
    on: (ledger, name = 'worst') => ({
      ...ledger,
      async send(instructions, signers) {
        const ran = await ledger.send(instructions, signers);
        // What the Ed25519 program checks before one of ours takes no units.
        const [instruction, another] = instructions.filter(({ data }) => instructionName(data) !== undefined);
        // A transaction of several instructions does not tell what each took.
        if (instruction === undefined || another !== undefined) return ran;
        const called = instructionName(instruction.data);
        if (called === undefined) return ran;
        const cases = noted.get(called) ?? new Map<string, number>();
        cases.set(name, Math.max(cases.get(name) ?? 0, Number(ran.computeUnits)));
        noted.set(called, cases);
        return ran;
      },
    }),
    table: (instructions) =>
      Object.fromEntries(
        instructions.flatMap((name) => {
          const cases = noted.get(name);
          return cases === undefined ? [] : [[name, Object.fromEntries(cases)]];
        }),
      ),
  };
}
