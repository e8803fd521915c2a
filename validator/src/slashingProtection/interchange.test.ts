import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { KarmeshError } from '@karmesh/sdk/errors';
import { toHex, ZERO_HASH } from '@karmesh/sdk/protocol';
import { acquireLockFile } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { named, protectionOwner } from '../fixtures/market.ts';
import { importProtection } from './importProtection.ts';
import { fromInterchange, type InterchangeFile, toInterchange } from './interchange.ts';
import { mergeInterchange } from './mergeInterchange.ts';
import { openProtectionLog, protectionPath } from './protectionLog.ts';
import { type ProtectionState, protectionState, type SignedRow } from './protectionState.ts';

const owner = protectionOwner();
const report = {
  root: named('root'),
  totals: [1n, 2n, 3n, 4n, 5n, 6n],
  participantCount: 3,
  settlementsRoot: ZERO_HASH,
  settlementsTotal: 0n,
  escrowCount: 0,
  carriedRoot: ZERO_HASH,
  carriedCount: 0,
  claimsRoot: named('claims'),
  priorRoot: ZERO_HASH,
} as const;

/** Numbers that look random and are the same in every run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let at = seed;
  return (below) => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Everything that could be asked of a log: few epochs and names, so that acts meet. */
const ACTS: readonly SignedRow[] = [0n, 1n, 2n, 3n, 4n, 5n].flatMap((epoch) =>
  ['a', 'b'].flatMap((name): SignedRow[] => [
    { kind: 'attestation', epoch, manifestHash: named(`manifest ${name}`), salt: named(`salt ${name}`) },
    {
      kind: 'rootVote',
      epoch,
      attempt: 1,
      verdictsRoot: named('verdicts'),
      reportHash: named(`report ${name}`),
      opening: { report, salt: named(`salt ${name}`) },
    },
    {
      kind: 'verdict',
      epoch,
      entryHash: named('entry'),
      attempt: 0,
      verdictHash: named(`verdict ${name}`),
      signed: undefined,
    },
  ]),
);

function allows(state: ProtectionState, act: SignedRow): boolean {
  try {
    if (act.kind === 'attestation') state.checkAttestation(act);
    else if (act.kind === 'rootVote') state.checkRootVote(act);
    else state.checkVerdict(act);
    return true;
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'SLASHING_PROTECTION') return false;
    throw error;
  }
}

/** A log after some acts that it allowed; `names` says which it met. */
function randomState(random: (below: number) => number, names: 'a' | 'ab'): ProtectionState {
  const state = protectionState([{ kind: 'owner', ...owner }]);
  const met = ACTS.filter((_, i) => names === 'ab' || Math.floor(i / 3) % 2 === 0);
  for (let count = random(12); count > 0; count--) {
    const act = met[random(met.length)];
    if (act !== undefined && allows(state, act)) state.apply(act);
  }
  if (random(3) === 0) {
    const through = () => BigInt(random(4)) - 1n;
    state.apply({ kind: 'closed', attestation: through(), rootVote: through(), verdict: through() });
  }
  return state;
}

const copyOf = (file: InterchangeFile): unknown => JSON.parse(JSON.stringify(file));
const empty = (): ProtectionState => protectionState();

describe('V-25: the interchange file', () => {
  test('what a log exports an empty one imports, and exports again alike', () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = numbers(seed);
      const state = randomState(random, 'ab');
      const withSalts = random(2) === 0;
      const file = toInterchange(state, owner, { withSalts });
      const imported = protectionState(mergeInterchange(empty(), fromInterchange(copyOf(file), owner), owner));
      const closed = state.closedThrough();
      const isBare = (row: { readonly epoch: string }, kind: keyof typeof closed): boolean =>
        BigInt(row.epoch) <= closed[kind];
      const [data] = file.data;
      // In closed epochs nothing is sent, so that salts there are not taken over.
      const expected = structuredClone(file);
      for (const row of expected.data[0]?.attestations ?? []) if (isBare(row, 'attestation')) delete row.salt;
      for (const row of expected.data[0]?.root_votes ?? []) if (isBare(row, 'rootVote')) delete row.opening;
      expect(data).toBeDefined();
      expect(toInterchange(imported, owner, { withSalts })).toEqual(expected);
    }
  });

  test('an import never loosens: what either side refuses is refused, or the two contradict each other', () => {
    let merges = 0;
    let refusals = 0;
    for (let seed = 0; seed < 2_000; seed++) {
      const random = numbers(seed);
      const names = random(2) === 0 ? 'a' : 'ab';
      const [held, other] = [randomState(random, names), randomState(random, names)];
      const options = [{}, { withSalts: true }, { minimal: true }][random(3)];
      const imported = fromInterchange(copyOf(toInterchange(other, owner, options)), owner);
      let merged: ProtectionState;
      try {
        merged = protectionState(mergeInterchange(held, imported, owner));
      } catch (error) {
        expect(error).toMatchObject({ code: 'SLASHING_PROTECTION' });
        refusals += 1;
        continue;
      }
      merges += 1;
      for (const act of ACTS) {
        if (!allows(merged, act)) continue;
        expect([seed, act.kind, allows(held, act)]).toEqual([seed, act.kind, true]);
        // What both have signed may be sent by who has its salt.
        expect([seed, act.kind, allows(other, act)]).toEqual([seed, act.kind, true]);
      }
    }
    expect(merges).toBeGreaterThan(500);
    expect(refusals).toBeGreaterThan(100);
  });

  test('a minimal file closes every epoch at or below its mark', () => {
    const state = empty();
    for (const act of ACTS) if (act.epoch <= 3n && allows(state, act)) state.apply(act);
    const file = toInterchange(state, owner, { minimal: true });
    expect(file.data[0]).toMatchObject({
      closed_through: { attestation: '3', root_vote: '3', verdict: '3' },
      attestations: [],
      root_votes: [],
      verdicts: [],
    });
    const merged = protectionState(mergeInterchange(empty(), fromInterchange(copyOf(file), owner), owner));
    for (const act of ACTS) expect(allows(merged, act)).toBe(act.epoch > 3n);
  });

  test('salts stay out unless they are asked for; an attestation without one binds and is not sent', () => {
    const [act] = ACTS;
    if (act?.kind !== 'attestation' || act.salt === undefined) throw new RangeError('The first act attests.');
    const state = protectionState([act]);
    expect(JSON.stringify(toInterchange(state, owner))).not.toContain(toHex(act.salt));
    expect(JSON.stringify(toInterchange(state, owner, { withSalts: true }))).toContain(toHex(act.salt));
    const merged = protectionState(
      mergeInterchange(empty(), fromInterchange(copyOf(toInterchange(state, owner)), owner), owner),
    );
    expect(() => merged.checkAttestation(act)).toThrow(
      'This was signed elsewhere and came without its salt, so that it cannot be sent from here.',
    );
  });

  test('a file of another cluster, program or validator, or of another form, is refused', () => {
    const file = toInterchange(empty(), owner);
    const refusal = (json: unknown, as = owner): string => {
      try {
        fromInterchange(json, as);
        return 'taken';
      } catch (error) {
        return error instanceof KarmeshError ? `${error.code}: ${error.message}` : String(error);
      }
    };
    const broken = { ...file, metadata: { ...file.metadata, interchange_format_version: '2' } };
    expect([
      refusal(file),
      refusal(file, { ...owner, genesis: named('other') }),
      refusal(file, { ...owner, programId: named('other') }),
      refusal(file, protectionOwner(named('other'))),
      refusal({ ...file, data: [] }),
      refusal(broken),
      refusal({ metadata: file.metadata, data: [{ ...file.data[0], attestations: [{ epoch: '-3' }] }] }),
    ]).toMatchInlineSnapshot(`
      [
        "taken",
        "SLASHING_PROTECTION: The protection log is of another cluster or program.",
        "SLASHING_PROTECTION: The protection log is of another cluster or program.",
        "SLASHING_PROTECTION: The protection log is another validator’s.",
        "SLASHING_PROTECTION: The file speaks of no validator.",
        "SLASHING_PROTECTION: The file is not a slashing-protection file of this version.",
        "SLASHING_PROTECTION: The file is not a slashing-protection file of this version.",
      ]
    `);
  });
});

describe('V-25: an import', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'validator-import-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const read = async (): Promise<ProtectionState> => {
    const { log, state } = await openProtectionLog(protectionPath(folder));
    await log.close();
    return state;
  };

  test('is refused while a validator holds the folder, and a contradiction changes nothing', async () => {
    const [first, , , second] = ACTS;
    if (first === undefined || second === undefined) throw new RangeError('There are many acts.');
    const fileOf = (act: SignedRow): InterchangeFile => toInterchange(protectionState([act]), owner);
    {
      await using _ = await acquireLockFile(join(folder, 'lock'));
      await expect(importProtection({ folder, json: fileOf(first) }, async () => owner)).rejects.toMatchObject({
        code: 'STORE_LOCKED',
      });
    }
    const done = await importProtection({ folder, json: fileOf(first) }, async () => owner);
    expect(done).toMatchObject({ added: 1, records: 1 });
    const before = (await read()).rows();
    await expect(importProtection({ folder, json: fileOf(second) }, async () => owner)).rejects.toMatchObject({
      code: 'SLASHING_PROTECTION',
      message:
        'The file contradicts what is on record: two processes have signed with this identity. Nothing was imported.',
      facts: { what: 'attestation', epoch: 0n },
    });
    expect((await read()).rows()).toEqual(before);
    // Once a folder says whose it is, nobody has to be asked.
    const again = await importProtection({ folder, json: fileOf(first) }, async () => {
      throw new RangeError('The folder knows its owner.');
    });
    expect(again).toMatchObject({ added: 0, records: 1 });
  });

  test('that is killed in its middle leaves the old state or the new one', { timeout: 120_000 }, async () => {
    const RECORDS = 400;
    const FILES = 200;
    for (let number = 0; number < FILES; number++) {
      const state = protectionState(
        Array.from(
          { length: RECORDS },
          (_, i): SignedRow => ({
            kind: 'verdict',
            epoch: BigInt(number),
            entryHash: named(`entry ${i}`),
            attempt: 0,
            verdictHash: named(`verdict ${i}`),
            signed: undefined,
          }),
        ),
      );
      await writeFile(join(folder, `${number}.json`), JSON.stringify(toInterchange(state, owner)));
    }
    const program = fileURLToPath(new URL('../fixtures/importForever.ts', import.meta.url));
    let at = 0;
    let cutInTheMiddle = 0;
    for (let round = 0; round < 6; round++) {
      const { begun, ended } = await importUntilKilled(program, { folder, from: at, afterMs: 7 * round });
      const held = (await read()).rows().filter(({ kind }) => kind === 'verdict').length;
      if (begun > ended) cutInTheMiddle += 1;
      expect([ended * RECORDS, begun * RECORDS]).toContain(held);
      expect(held).toBeGreaterThanOrEqual(at * RECORDS);
      at = held / RECORDS;
    }
    expect(cutInTheMiddle).toBeGreaterThan(0);
  });
});

/** How many imports had begun and ended when the program was killed, in its third or some milliseconds later. */
async function importUntilKilled(
  program: string,
  options: { readonly folder: string; readonly from: number; readonly afterMs: number },
): Promise<{ readonly begun: number; readonly ended: number }> {
  const { folder, from, afterMs } = options;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, folder, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let [begun, ended] = [from, from];
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, number] = line.split(' ');
    if (word === 'begin') begun = Number(number) + 1;
    else ended = Number(number) + 1;
    if (line !== `begin ${from + 2}`) continue;
    await pause(afterMs);
    child.kill('SIGKILL');
  }
  return { begun, ended };
}
