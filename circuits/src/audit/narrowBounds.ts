import { FIELD_ORDER } from '../r1cs/r1csFile.ts';
import { invert, toField } from './field.ts';

/** sum of factor * wire + constant = 0 in the field. */
export interface Relation {
  readonly factors: ReadonlyMap<number, bigint>;
  readonly constant: bigint;
}

/** The integers low ... high, of which a wire's value is one modulo p. There are fewer than p of them. */
interface Bounds {
  readonly low: bigint;
  readonly high: bigint;
}

/** Narrowing may go on in ever smaller steps. To stop early only says less. */
const MOST_PASSES = 8;
const BOOLEAN: Bounds = { low: 0n, high: 1n };

/**
 * The wires of linear relations of which integer bounds leave one value; 'impossible' if they leave one none.
 *
 * A relation may be multiplied by any number but 0, and its factors f read as integers between -p/2 and p/2. Let every wire x be an integer within its bounds, modulo
 * p. Then the sum of f x + constant, in integers, is a multiple of p; if the bounds keep it between -p and p, it is 0, and what the other terms can sum to
 * bounds each term, and so each x, as an integer. A wire of factor 1 or -1 without bounds gets them in the same way, wherever its sum lies: it is some integer of an
 * interval modulo p. This is how a quotient and a rest are forced: by `dividend = quotient * divisor + rest` with 0 <= rest < divisor and nothing near p.
 */
export function narrowBounds(
  relations: readonly Relation[],
  isBoolean: (wire: number) => boolean,
): ReadonlyMap<number, bigint> | 'impossible' {
  const bounds = new Map<number, Bounds>();
  const boundsOf = (wire: number): Bounds | undefined => (isBoolean(wire) ? BOOLEAN : bounds.get(wire));
  const scaled = relations.map((relation) => scalings(relation, isBoolean));
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    let isNarrower = false;
    for (const terms of scaled.flatMap((relation) => relation(boundsOf))) {
      const missing = terms.factors.filter(([wire]) => boundsOf(wire) === undefined);
      if (missing.length > 1) continue;
      const sum = sumOf(terms, boundsOf);
      const [first] = missing;
      if (first !== undefined) {
        const [wire, factor] = first;
        if ((factor !== 1n && factor !== -1n) || sum.high - sum.low >= FIELD_ORDER) continue;
        bounds.set(wire, factor === 1n ? { low: -sum.high, high: -sum.low } : sum);
        isNarrower = true;
        continue;
      }
      if (sum.low <= -FIELD_ORDER || sum.high >= FIELD_ORDER) continue;
      for (const [wire, factor] of terms.factors) {
        const own = boundsOf(wire);
        if (isBoolean(wire) || own === undefined) continue;
        const term = termOf(factor, own);
        const others = { low: sum.low - term.low, high: sum.high - term.high };
        // factor * x = -others
        const ends = factor > 0n ? [-others.high, -others.low] : [others.low, others.high];
        const size = factor > 0n ? factor : -factor;
        const [least = 0n, most = 0n] = ends;
        const low = max(own.low, -floorDivide(-least, size));
        const high = min(own.high, floorDivide(most, size));
        if (low > high) return 'impossible';
        if (low === own.low && high === own.high) continue;
        bounds.set(wire, { low, high });
        isNarrower = true;
        // What the sum may be has changed with it.
        break;
      }
    }
    if (!isNarrower) break;
  }
  return new Map([...bounds].flatMap(([wire, { low, high }]) => (low === high ? [[wire, toField(low)]] : [])));
}

interface Terms {
  readonly factors: readonly (readonly [wire: number, factor: bigint])[];
  readonly constant: bigint;
}

/**
 * A relation with the factor of each of its wires that are no booleans as 1, and of its first boolean; nothing as long as two wires have no bounds. Of sums of
 * bits alone, single bits learn nothing here that digits do not say.
 */
function scalings(
  { factors, constant }: Relation,
  isBoolean: (wire: number) => boolean,
): (boundsOf: (wire: number) => Bounds | undefined) => readonly Terms[] {
  const named = [...factors];
  const wide = named.filter(([wire]) => !isBoolean(wire));
  const bit = named.find(([wire]) => isBoolean(wire));
  let made: readonly Terms[] | undefined;
  return (boundsOf) => {
    if (wide.length === 0 || wide.filter(([wire]) => boundsOf(wire) === undefined).length > 1) return [];
    made ??= [...wide, ...(bit === undefined ? [] : [bit])].map(([, factor]) => {
      const scale = invert(factor);
      return {
        factors: named.map(([wire, other]) => [wire, centred(other * scale)] as const),
        constant: centred(constant * scale),
      };
    });
    return made;
  };
}

/** The bounds of a sum over the wires that have bounds. */
function sumOf({ factors, constant }: Terms, boundsOf: (wire: number) => Bounds | undefined): Bounds {
  let { low, high } = { low: constant, high: constant };
  for (const [wire, factor] of factors) {
    const own = boundsOf(wire);
    if (own === undefined) continue;
    const term = termOf(factor, own);
    low += term.low;
    high += term.high;
  }
  return { low, high };
}

function termOf(factor: bigint, { low, high }: Bounds): Bounds {
  return factor > 0n ? { low: factor * low, high: factor * high } : { low: factor * high, high: factor * low };
}

/** The representative between -p/2 and p/2. */
function centred(value: bigint): bigint {
  const rest = toField(value);
  return rest > FIELD_ORDER / 2n ? rest - FIELD_ORDER : rest;
}

function floorDivide(value: bigint, by: bigint): bigint {
  return value >= 0n ? value / by : -((-value + by - 1n) / by);
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
