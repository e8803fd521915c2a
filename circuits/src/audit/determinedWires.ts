import { type Combination, type Constraint, constraintsOf, FIELD_ORDER, type R1csFile } from '../r1cs/r1csFile.ts';
import { invert, toField } from './field.ts';
import { narrowBounds, type Relation } from './narrowBounds.ts';

/** Constraints, prepared for `determine`. */
export interface ConstraintSystem {
  /** Wires of the file. Behind them come wires that stand for linear forms which a constraint makes boolean. */
  readonly wires: number;
  readonly constraints: readonly Constraint[];
  /** All wires of each constraint. */
  readonly wiresOf: readonly (readonly number[])[];
  /** The constraints of each wire. */
  readonly constraintsOf: readonly (readonly number[])[];
  /** Wires that a constraint holds to 0 and 1. */
  readonly booleans: ReadonlySet<number>;
}

/** What follows from the wires that are given. */
export interface Determination {
  /** By wire: the one value that it can have, or undefined if the rules do not say so. */
  readonly values: readonly (bigint | undefined)[];
  /** The number of a constraint that cannot hold: no witness has the given values. Behind the last one: a sum of bits that cannot be. */
  readonly contradiction: number | undefined;
}

/** Prepares a file. circom writes most bits as wires of their own, and some, which it has substituted, as linear forms. */
export function constraintSystem(file: R1csFile): ConstraintSystem {
  const constraints: Constraint[] = [...constraintsOf(file)];
  const booleans = new Set<number>();
  let wires = file.header.wires;
  for (const constraint of [...constraints]) {
    const form = booleanForm(constraint);
    if (form === undefined) continue;
    const named = form.filter(([wire]) => wire !== 0);
    const [only] = named;
    const constant = form.find(([wire]) => wire === 0)?.[1] ?? 0n;
    // w itself, or 1 - w
    const single = only?.[1] === 1n ? constant === 0n : only?.[1] === FIELD_ORDER - 1n && constant === 1n;
    if (only !== undefined && named.length === 1 && single) booleans.add(only[0]);
    else {
      booleans.add(wires);
      constraints.push({ a: [], b: [], c: [...form, [wires, FIELD_ORDER - 1n]] });
      wires++;
    }
  }
  const wiresOf = constraints.map(({ a, b, c }) => {
    const named = new Set([...a, ...b, ...c].map(([wire]) => wire));
    named.delete(0);
    return [...named];
  });
  const occurrences: number[][] = Array.from({ length: wires }, () => []);
  for (const [index, named] of wiresOf.entries()) for (const wire of named) occurrences[wire]?.push(index);
  return { wires: file.header.wires, constraints, wiresOf, constraintsOf: occurrences, booleans };
}

/** L if the constraint says that L (L - 1) = 0, up to a factor. */
function booleanForm({ a, b, c }: Constraint): Combination | undefined {
  if (c.some(([, factor]) => factor !== 0n)) return undefined;
  const left = new Map(a);
  const right = new Map(b);
  const wire = a.find(([wire, factor]) => wire !== 0 && factor !== 0n)?.[0];
  if (wire === undefined) return undefined;
  // b = ratio a + rest, where rest is a number: a is 0 or -rest / ratio.
  const ratio = toField((right.get(wire) ?? 0n) * invert(left.get(wire) ?? 0n));
  if (ratio === 0n) return undefined;
  const constantOf = (side: ReadonlyMap<number, bigint>): bigint => side.get(0) ?? 0n;
  for (const other of new Set([...left.keys(), ...right.keys()]))
    if (other !== 0 && toField((left.get(other) ?? 0n) * ratio - (right.get(other) ?? 0n)) !== 0n) return undefined;
  const rest = toField(constantOf(right) - ratio * constantOf(left));
  if (rest === 0n) return undefined;
  const scale = invert(toField(-rest * invert(ratio)));
  return a.map(([name, factor]) => [name, toField(factor * scale)] as const).filter(([, factor]) => factor !== 0n);
}

/**
 * Which wires have only one value, given those of others: propagation as in Ecne and Picus (Pailoor et al., "Automated detection of
 * under-constrained circuits in zero-knowledge proofs", 2023). It knows that
 * 1. a constraint linear in one unknown wire forces it,
 * 2. a sum of booleans over distinct powers of two forces all of them,
 * 3. a wire that is no boolean may be eliminated between linear relations,
 * 4. the same if a form over unknown wires has a known value, so that a product with it is linear,
 * 5. what both values of a boolean lead to is forced, and a boolean whose one value leads to a contradiction has the other,
 * 6. a product that is 0 has a factor that is 0: if `(x - v_i) A_i = 0` for some numbers v_i and linear forms A_i that cannot all be 0 together, then x is one
 *    of the v_i, and what all of them that lead to no contradiction lead to is forced. This is how the highest score is forced, of which the choice that
 *    selects it is not,
 * 7. integer bounds that meet, and bounds that leave nothing, as `narrowBounds` says. This is how quotients are forced.
 *
 * It computes values itself, and so it also shows that given values have no witness. What it does not force may still be forced.
 */
export function determine(system: ConstraintSystem, given: ReadonlyMap<number, bigint>): Determination {
  const state = new Propagation(system);
  try {
    state.learn(0, 1n);
    for (const [wire, value] of given) state.learn(wire, toField(value));
    do {
      state.propagate();
    } while (state.narrow() || state.splitProducts() || state.splitBooleans() || state.eliminate());
  } catch (cause) {
    if (!(cause instanceof Contradiction)) throw cause;
    return { values: state.values.slice(0, system.wires), contradiction: cause.constraint };
  }
  return { values: state.values.slice(0, system.wires), contradiction: undefined };
}

class Contradiction extends Error {
  readonly constraint: number;

  constructor(constraint: number) {
    super('A constraint cannot hold.');
    this.constraint = constraint;
  }
}

class Propagation {
  readonly values: (bigint | undefined)[];
  readonly #system: ConstraintSystem;
  /** How many wires of a constraint are not known. */
  readonly #unknown: number[];
  readonly #ready: number[] = [];

  constructor(system: ConstraintSystem, from?: Propagation) {
    this.#system = system;
    this.values = from?.values.slice() ?? new Array<bigint | undefined>(system.constraintsOf.length).fill(undefined);
    this.#unknown = from === undefined ? system.wiresOf.map((wires) => wires.length) : from.#unknown.slice();
  }

  learn(wire: number, value: bigint): void {
    const known = this.values[wire];
    if (known !== undefined) {
      if (known !== value) throw new Contradiction(this.#system.constraintsOf[wire]?.[0] ?? 0);
      return;
    }
    this.values[wire] = value;
    if (wire === 0) return;
    for (const index of this.#system.constraintsOf[wire] ?? []) {
      const left = (this.#unknown[index] ?? 0) - 1;
      this.#unknown[index] = left;
      if (left <= 1) this.#ready.push(index);
    }
  }

  /** Rules 1 to 3 until nothing more follows. */
  propagate(): void {
    do {
      this.#drain();
    } while (this.#relate());
  }

  /** Rule 5, for the booleans that stand as a factor of something unknown: with them known, a product becomes linear. */
  splitBooleans(): boolean {
    for (const wire of this.#factors()) {
      if (this.#oneOf(wire, [0n, 1n])) return true;
    }
    return false;
  }

  /** Rule 6. */
  splitProducts(): boolean {
    const found = new Map<number, { readonly value: bigint; readonly other: Relation }[]>();
    for (const [index, { a, b, c }] of this.#system.constraints.entries()) {
      if ((this.#unknown[index] ?? 0) < 2) continue;
      const product = this.#split(c);
      if (product.factors.size > 0 || product.constant !== 0n) continue;
      const [left, right] = [this.#split(a), this.#split(b)];
      for (const [one, other] of [
        [left, right],
        [right, left],
      ] as const) {
        const [first] = one.factors;
        if (first === undefined || one.factors.size > 1 || other.factors.size === 0) continue;
        const [wire, factor] = first;
        const value = toField(-one.constant * invert(factor));
        found.set(wire, [...(found.get(wire) ?? []), { value, other }]);
      }
    }
    for (const [wire, products] of found) {
      if (!areInconsistent(products.map(({ other }) => other))) continue;
      if (this.#oneOf(wire, [...new Set(products.map(({ value }) => value))])) return true;
    }
    return false;
  }

  /** Learns what all values lead to of which a wire has one. Says whether that was something. */
  #oneOf(wire: number, candidates: readonly bigint[]): boolean {
    const possible = candidates
      .map((candidate) => this.#assume(wire, candidate))
      .filter((values) => values !== undefined);
    const [one, ...others] = possible;
    if (one === undefined) throw new Contradiction(this.#system.constraintsOf[wire]?.[0] ?? 0);
    let found = false;
    for (const [name, value] of one.entries()) {
      if (value === undefined || this.values[name] !== undefined || others.some((other) => other[name] !== value))
        continue;
      this.learn(name, value);
      found = true;
    }
    return found;
  }

  /** Rule 7. */
  narrow(): boolean {
    const { booleans, constraints } = this.#system;
    const relations = constraints.flatMap((_, index) =>
      this.#unknown[index] === 0 ? [] : (this.#relationOf(index) ?? []),
    );
    const bounded = narrowBounds(relations, (wire) => booleans.has(wire));
    if (bounded === 'impossible') throw new Contradiction(constraints.length);
    for (const [wire, value] of bounded) this.learn(wire, value);
    return bounded.size > 0;
  }

  #factors(): ReadonlySet<number> {
    const { booleans, constraints } = this.#system;
    const unknownOf = (side: Combination): readonly number[] =>
      side.map(([wire]) => wire).filter((wire) => this.values[wire] === undefined);
    const factors = new Set<number>();
    for (const [index, { a, b }] of constraints.entries()) {
      if ((this.#unknown[index] ?? 0) < 2) continue;
      const sides = [unknownOf(a), unknownOf(b)];
      if (sides.some((side) => side.length === 0)) continue;
      for (const [only, ...others] of sides)
        if (only !== undefined && others.length === 0 && booleans.has(only)) factors.add(only);
    }
    return factors;
  }

  /** What follows if a wire had a value; undefined if it cannot have it. */
  #assume(wire: number, value: bigint): readonly (bigint | undefined)[] | undefined {
    const trial = new Propagation(this.#system, this);
    try {
      trial.learn(wire, value);
      trial.propagate();
      return trial.values;
    } catch (cause) {
      if (cause instanceof Contradiction) return undefined;
      throw cause;
    }
  }

  /** Rule 1, by the constraints that came to have at most one unknown wire. */
  #drain(): void {
    for (let index = this.#ready.pop(); index !== undefined; index = this.#ready.pop()) {
      const relation = this.#relationOf(index);
      if (relation !== undefined) this.#solveOne(relation, index);
    }
  }

  #solveOne({ factors, constant }: Relation, index: number): boolean {
    if (factors.size === 0 && constant !== 0n) throw new Contradiction(index);
    if (factors.size !== 1) return false;
    for (const [wire, factor] of factors) this.learn(wire, toField(-constant * invert(factor)));
    return true;
  }

  /** A constraint as a relation between what is unknown, if it is linear in that. */
  #relationOf(index: number): Relation | undefined {
    const constraint = this.#system.constraints[index];
    if (constraint === undefined) return undefined;
    const a = this.#split(constraint.a);
    const b = this.#split(constraint.b);
    if (a.factors.size > 0 && b.factors.size > 0) return undefined;
    const c = this.#split(constraint.c);
    return product(a, b, c);
  }

  #split(combination: Combination): Relation {
    const factors = new Map<number, bigint>();
    let constant = 0n;
    for (const [wire, factor] of combination) {
      const value = this.values[wire];
      if (value !== undefined) constant += factor * value;
      else factors.set(wire, toField((factors.get(wire) ?? 0n) + factor));
    }
    return { factors, constant: toField(constant) };
  }

  /** Rules 2 and 3 over all constraints that are linear by now. Says whether it learned something. */
  #relate(): boolean {
    const { booleans, constraints, wires } = this.#system;
    const relations: Relation[] = [];
    let found = false;
    for (let index = 0; index < constraints.length; index++) {
      if (this.#unknown[index] === 0) continue;
      const relation = this.#relationOf(index);
      if (relation === undefined) continue;
      if (this.#solveOne(relation, index)) found = true;
      else if (relation.factors.size > 0) relations.push(relation);
    }
    if (found) return true;
    const isBoolean = (wire: number): boolean => booleans.has(wire);
    const twoValued = oneBooleanOf(relations, isBoolean);
    const simple = relations.map((relation) => substitute(relation, twoValued));
    const plain = simple.filter(({ factors }) => ![...factors.keys()].some(isBoolean));
    const solved = solveFor(plain);
    const mixed = simple
      .filter((relation) => !plain.includes(relation))
      .map((relation) => substitute(relation, solved));
    for (const relation of [...solved.values(), ...mixed]) if (this.#solveOne(relation, wires)) found = true;
    if (found) return true;
    const onlyBits = mixed.filter(({ factors }) => [...factors.keys()].every(isBoolean));
    for (const relation of [...onlyBits, ...withoutOneWire(mixed, isBoolean)])
      if (this.#solveBits(relation)) found = true;
    return found;
  }

  /**
   * Rule 4 for products as well: a form over unknown wires may have a known value. circom's substitutions leave Poseidon's rounds like that. One
   * pass in the file's order solves a hash.
   */
  eliminate(): boolean {
    const { booleans, constraints, wires } = this.#system;
    const solved = new Map<number, Relation>();
    for (const [index, { a, b, c }] of constraints.entries()) {
      if (this.#unknown[index] === 0 || this.#hasUnknownBoolean(index, booleans)) continue;
      const left = reduce(this.#split(a), solved);
      const right = reduce(this.#split(b), solved);
      if (left.factors.size > 0 && right.factors.size > 0) continue;
      const { factors, constant } = reduce(product(left, right, reduce(this.#split(c), solved)), solved);
      const first = [...factors].at(-1);
      if (first === undefined) {
        if (constant !== 0n) throw new Contradiction(index);
        continue;
      }
      const [wire, factor] = first;
      const own = new Map<number, bigint>();
      addScaled(own, factors, invert(factor));
      solved.set(wire, { factors: own, constant: toField(constant * invert(factor)) });
    }
    let found = false;
    for (const relation of solved.values()) if (this.#solveOne(reduceTail(relation, solved), wires)) found = true;
    return found;
  }

  #hasUnknownBoolean(index: number, booleans: ReadonlySet<number>): boolean {
    return (this.#system.wiresOf[index] ?? []).some((wire) => booleans.has(wire) && this.values[wire] === undefined);
  }

  #solveBits(relation: Relation): boolean {
    if ([...relation.factors.keys()].some((wire) => this.values[wire] !== undefined)) return false;
    const bits = asBits(relation);
    if (bits === undefined) return false;
    if (bits === 'impossible') throw new Contradiction(this.#system.constraints.length);
    for (const [wire, value] of bits) this.learn(wire, value);
    return true;
  }
}

/** a * b - c, where a or b is a number. */
function product(a: Relation, b: Relation, c: Relation): Relation {
  const factors = new Map<number, bigint>();
  addScaled(factors, a.factors, b.constant);
  addScaled(factors, b.factors, a.constant);
  addScaled(factors, c.factors, -1n);
  return { factors, constant: toField(a.constant * b.constant - c.constant) };
}

/** Substitutes until no wire that is solved remains. A relation names only wires that were solved after it, and so this ends. */
function reduce(relation: Relation, solved: ReadonlyMap<number, Relation>): Relation {
  let reduced = relation;
  while ([...reduced.factors.keys()].some((wire) => solved.has(wire))) reduced = substitute(reduced, solved);
  return reduced;
}

/** The same for what a wire is solved by: wire + ... = 0. */
function reduceTail({ factors, constant }: Relation, solved: ReadonlyMap<number, Relation>): Relation {
  const tail = [...factors];
  const own = tail.pop();
  const rest = reduce({ factors: new Map(tail), constant }, solved);
  return { factors: new Map([...(own === undefined ? [] : [own]), ...rest.factors]), constant: rest.constant };
}

function addScaled(sum: Map<number, bigint>, factors: ReadonlyMap<number, bigint>, scale: bigint): void {
  if (scale === 0n) return;
  for (const [wire, factor] of factors) {
    const total = toField((sum.get(wire) ?? 0n) + scale * factor);
    if (total === 0n) sum.delete(wire);
    else sum.set(wire, total);
  }
}

/** Gauss and Jordan: by wire, the relation wire + ... = 0, in which no other wire of the result stands. */
function solveFor(relations: readonly Relation[]): ReadonlyMap<number, Relation> {
  const solved = new Map<number, Relation>();
  for (const relation of relations) {
    const { factors, constant } = substitute(relation, solved);
    const first = factors.entries().next().value;
    if (first === undefined) continue;
    const [wire, factor] = first;
    const scale = invert(factor);
    const own = new Map<number, bigint>();
    addScaled(own, factors, scale);
    const fresh = new Map([[wire, { factors: own, constant: toField(constant * scale) }]]);
    for (const [other, earlier] of solved) solved.set(other, substitute(earlier, fresh));
    solved.set(wire, { factors: own, constant: toField(constant * scale) });
  }
  return solved;
}

/** By wire that is no boolean: a relation that gives it as a number of one that is. */
function oneBooleanOf(
  relations: readonly Relation[],
  isBoolean: (wire: number) => boolean,
): ReadonlyMap<number, Relation> {
  const found = new Map<number, Relation>();
  for (const { factors, constant } of relations) {
    if (factors.size !== 2) continue;
    const [own, ...others] = [...factors].filter(([wire]) => !isBoolean(wire));
    if (own === undefined || others.length > 0 || found.has(own[0])) continue;
    const scale = invert(own[1]);
    const scaled = new Map<number, bigint>();
    addScaled(scaled, factors, scale);
    found.set(own[0], { factors: scaled, constant: toField(constant * scale) });
  }
  return found;
}

/** Whether linear forms cannot all be 0. */
function areInconsistent(forms: readonly Relation[]): boolean {
  const solved = solveFor(forms);
  return forms.some((form) => {
    const { factors, constant } = substitute(form, solved);
    return factors.size === 0 && constant !== 0n;
  });
}

function substitute({ factors, constant }: Relation, solved: ReadonlyMap<number, Relation>): Relation {
  const rest = new Map(factors);
  let sum = constant;
  for (const [wire, factor] of factors) {
    const by = solved.get(wire);
    if (by === undefined) continue;
    addScaled(rest, by.factors, -factor);
    sum -= factor * by.constant;
  }
  return { factors: rest, constant: toField(sum) };
}

/** Pairs of relations that share their only wire which is no boolean, without it. */
function* withoutOneWire(relations: readonly Relation[], isBoolean: (wire: number) => boolean): Generator<Relation> {
  const byWire = new Map<number, { readonly relation: Relation; readonly factor: bigint }[]>();
  for (const relation of relations) {
    const others = [...relation.factors].filter(([wire]) => !isBoolean(wire));
    const [only] = others;
    if (only === undefined || others.length > 1) continue;
    const [wire, factor] = only;
    byWire.set(wire, [...(byWire.get(wire) ?? []), { relation, factor }]);
  }
  for (const sharing of byWire.values())
    for (const [i, one] of sharing.entries())
      for (const two of sharing.slice(i + 1)) {
        const factors = new Map<number, bigint>();
        addScaled(factors, one.relation.factors, two.factor);
        addScaled(factors, two.relation.factors, -one.factor);
        yield {
          factors,
          constant: toField(two.factor * one.relation.constant - one.factor * two.relation.constant),
        };
      }
}

/** With fewer digits than this, a signed sum of them cannot wrap around the field's order. */
const MOST_DIGITS = 252;
const POWERS = new Map(Array.from({ length: MOST_DIGITS }, (_, exponent) => [1n << BigInt(exponent), exponent]));

/** The values of booleans in a relation in which each has another power of two, up to their signs and one factor of all. */
function asBits({ factors, constant }: Relation): ReadonlyMap<number, bigint> | 'impossible' | undefined {
  if (factors.size === 0) return constant === 0n ? undefined : 'impossible';
  if (factors.size > MOST_DIGITS) return undefined;
  for (const lowest of factors.values()) {
    const scale = invert(lowest);
    const digits = digitsOf(factors, scale);
    if (digits === undefined) continue;
    // A digit that is subtracted is 1 less its complement.
    let rest = toField(-constant * scale);
    for (const { exponent, negative } of digits) if (negative) rest = toField(rest + (1n << BigInt(exponent)));
    const values = new Map<number, bigint>();
    for (const { wire, exponent, negative } of digits) {
      const digit = (rest >> BigInt(exponent)) & 1n;
      rest -= digit << BigInt(exponent);
      values.set(wire, negative ? 1n - digit : digit);
    }
    return rest === 0n ? values : 'impossible';
  }
  return undefined;
}

interface Digit {
  readonly wire: number;
  readonly exponent: number;
  readonly negative: boolean;
}

function digitsOf(factors: ReadonlyMap<number, bigint>, scale: bigint): readonly Digit[] | undefined {
  const digits: Digit[] = [];
  const taken = new Set<number>();
  for (const [wire, factor] of factors) {
    const scaled = toField(factor * scale);
    const plus = POWERS.get(scaled);
    const exponent = plus ?? POWERS.get(FIELD_ORDER - scaled);
    if (exponent === undefined || taken.has(exponent)) return undefined;
    taken.add(exponent);
    digits.push({ wire, exponent, negative: plus === undefined });
  }
  return digits;
}
