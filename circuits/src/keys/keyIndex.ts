import { createHash, randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Weights } from '../r1cs/appendRows.ts';

/** What building a layer's constraints says of them. */
export interface KnownConstraints {
  /** SHA-256 of all constraints, weights included. */
  readonly constraintsHash: Uint8Array;
  readonly count: number;
}

/** A new number for a new way of appending weights to a circuit: what older ones came to is not looked up then. */
const APPENDING = 1;

/**
 * What a layer's constraints came to when they were built, kept in the keys' folder under all that they are made of: the compiled circuit, whose name holds a hash
 * of its sources, and every weight and bias. Reading those takes a fraction of building, let alone of hashing, a field element for each. An entry that is
 * damaged is none, so that the constraints are built again; one that is gone costs as much.
 */
export function keyIndex({
  folder,
  compiled,
  weights,
}: {
  readonly folder: string;
  /** The circuit's constraints as `compileShape` names them. */
  readonly compiled: string;
  readonly weights: Weights | undefined;
}): { get(): Promise<KnownConstraints | undefined>; put(known: KnownConstraints): Promise<void> } {
  const id = idOf(basename(compiled), weights);
  const path = join(folder, `${id}.constraints.json`);
  const checkOf = (hash: string, count: number): string =>
    createHash('sha256')
      .update(JSON.stringify([id, hash, count]))
      .digest('hex');
  return {
    async get() {
      const text = await readFile(path, 'utf8').catch(() => undefined);
      const entry = text === undefined ? undefined : parse(text);
      if (entry === undefined || entry.check !== checkOf(entry.constraintsHash, entry.count)) return undefined;
      return { constraintsHash: Buffer.from(entry.constraintsHash, 'hex'), count: entry.count };
    },
    async put({ constraintsHash, count }) {
      const hash = Buffer.from(constraintsHash).toString('hex');
      const entry: Entry = { constraintsHash: hash, count, check: checkOf(hash, count) };
      const partial = `${path}.${randomUUID()}.partial`;
      await writeFile(partial, `${JSON.stringify(entry)}\n`);
      await rename(partial, path);
    },
  };
}

interface Entry {
  readonly constraintsHash: string;
  readonly count: number;
  /** Of what stands before it and of what the entry is for. */
  readonly check: string;
}

function parse(text: string): Entry | undefined {
  try {
    const { constraintsHash, count, check } = JSON.parse(text) as Partial<Entry>;
    return typeof constraintsHash === 'string' && typeof count === 'number' && typeof check === 'string'
      ? { constraintsHash, count, check }
      : undefined;
  } catch {
    return undefined;
  }
}

/** SHA-256 of the circuit's name and of all weights, which are integers that a float holds exactly. */
function idOf(circuit: string, weights: Weights | undefined): string {
  const hash = createHash('sha256').update(JSON.stringify([APPENDING, circuit, weights?.rows, weights?.columns]));
  for (let row = 0; row < (weights?.rows ?? 0); row++) {
    hash.update(Float64Array.from(weights?.row(row) ?? []));
    hash.update(Float64Array.of(weights?.bias?.(row) ?? 0));
  }
  return hash.digest('hex');
}
