import { challengedPosition, type Hash, hash, isAudited } from '@karmesh/sdk/protocol';
import { seededRandom } from '../seededRandom.ts';
import type { RunSize, Strategy } from './strategies.ts';
import type { ChallengeUnit } from './theory.ts';

export interface SimulateOptions {
  readonly strategy: Strategy;
  readonly size: RunSize;
  readonly unit: ChallengeUnit;
  readonly ratePer10000: number;
  /** Independent workers, and answers of each at most. */
  readonly workers: number;
  readonly answers: number;
  readonly seed: number;
}

/** Answers of one epoch, which share a beacon. */
const ANSWERS_PER_EPOCH = 16;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * Lets workers cheat until the protocol's own draws convict them: the worker commits, then the beacon says which answers are audited (U-01) and which token is challenged (Z-42). Gives for
 * each worker after how many answers it was caught; undefined if it never was.
 */
export function simulate(options: SimulateOptions): readonly (number | undefined)[] {
  const { strategy, size, unit, ratePer10000, workers, answers, seed } = options;
  const random = seededRandom(seed);
  return Array.from({ length: workers }, (_, worker) => {
    const name = `${seed} ${strategy.title} ${unit} ${ratePer10000} ${worker}`;
    let beacon: Hash = hash(bytes(name));
    for (let answer = 0; answer < answers; answer++) {
      // Hashes stand for what nobody can choose: the entry for all receipts of an answer, the beacon for the salts of an epoch.
      const entryHash = hash(bytes(`entry ${name} ${answer}`));
      if (answer % ANSWERS_PER_EPOCH === 0) beacon = hash(bytes(`beacon ${name} ${answer}`));
      const run = strategy.commit(size, random);
      if (!isAudited({ beacon, entryHash, ratePer10000 })) continue;
      const position = challengedPosition({ beacon, entryHash, positions: run.positions });
      const challenged = unit === 'token' ? all(run.operators) : [oneOf(run.operators, { beacon, entryHash })];
      if (challenged.some((operator) => run.isFalse(position, operator))) return answer + 1;
    }
    return undefined;
  });
}

/** No rule of the protocol: what a challenge of single operators would draw. */
function oneOf(operators: number, { beacon, entryHash }: { readonly beacon: Hash; readonly entryHash: Hash }): number {
  const drawn = hash(bytes('a single operator'), beacon, entryHash);
  return Number(new DataView(drawn.buffer, drawn.byteOffset).getBigUint64(0, true) % BigInt(operators));
}

function all(operators: number): readonly number[] {
  return Array.from({ length: operators }, (_, operator) => operator);
}

/** How many of the workers had not been caught after so many answers. */
export function survivors(caughtAfter: readonly (number | undefined)[], answers: number): number {
  return caughtAfter.filter((after) => after === undefined || after > answers).length;
}
