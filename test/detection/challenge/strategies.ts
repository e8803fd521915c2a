/** What a worker commits to for one answer: which of its operators are false. */
export interface CommittedRun {
  readonly positions: number;
  readonly operators: number;
  /** Position and operator from 0; operators in the order of Z-40. */
  isFalse(position: number, operator: number): boolean;
}

/** The size of a run: the bundled model has 4 layers of 11 operators and two behind them. */
export interface RunSize {
  readonly layers: number;
  readonly positions: number;
}

const OPERATORS_OF_A_LAYER = 11;
const OPERATORS_BEHIND = 2;
const ATTENTION_NORM = 0;
const FEED_FORWARD_NORM = 6;

export function operatorsOf({ layers }: RunSize): number {
  return OPERATORS_OF_A_LAYER * layers + OPERATORS_BEHIND;
}

/** A way to save work, and what it leaves for a challenge to find. */
export interface Strategy {
  readonly title: string;
  /** Of the positions: in how many something is false. */
  readonly falseTokens: number;
  /** Of the operators of such a position: how many are false. */
  readonly falseOperators: number;
  /** `random` gives numbers in [0, 1); the worker chooses before the beacon is known. */
  commit(size: RunSize, random: () => number): CommittedRun;
}

/**
 * Leaves layers out in every token, as cheaply as it can be hidden: norms are said to give zeros. All that reads zeros gives zeros, and residuals stay what they were, so that nothing
 * but the two norms of each such layer is false.
 */
export function skipLayers(skipped: number, size: RunSize): Strategy {
  return {
    title: `${skipped} of ${size.layers} layers skipped`,
    falseTokens: 1,
    falseOperators: (2 * skipped) / operatorsOf(size),
    commit: ({ layers, positions }) => ({
      positions,
      operators: operatorsOf({ layers, positions }),
      isFalse: (_, operator) => {
        const within = operator % OPERATORS_OF_A_LAYER;
        return operator < OPERATORS_OF_A_LAYER * skipped && (within === ATTENTION_NORM || within === FEED_FORWARD_NORM);
      },
    }),
  };
}

/** Makes up a share of the tokens and computes the others, which read what was made up as if it were true. The made-up ones are teleported, with one false operator each. */
export function skipTokens(share: number, size: RunSize): Strategy {
  const count = Math.round(share * size.positions);
  return {
    title: `${count} of ${size.positions} tokens skipped`,
    falseTokens: count / size.positions,
    falseOperators: 1 / operatorsOf(size),
    commit: (of, random) => {
      const whole = teleport(of).commit(of, random);
      // A sample without replacement: the first so many of a shuffle.
      const order = Array.from({ length: of.positions }, (_, position) => position);
      for (let i = 0; i < count; i++) {
        const j = i + Math.floor(random() * (of.positions - i));
        [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
      }
      const skipped = new Set(order.slice(0, count));
      return {
        ...whole,
        isFalse: (position, operator) => skipped.has(position) && whole.isFalse(position, operator),
      };
    },
  };
}

/** Goes on from some operator with a trace of another run, which is true in itself: one operator of each token does not give what the next one reads. */
export function teleport(size: RunSize): Strategy {
  return {
    title: 'teleported in every token',
    falseTokens: 1,
    falseOperators: 1 / operatorsOf(size),
    commit: (of, random) => {
      const operators = operatorsOf(of);
      const where = Array.from({ length: of.positions }, () => Math.floor(random() * operators));
      return { positions: of.positions, operators, isFalse: (position, operator) => where[position] === operator };
    },
  };
}
