import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyingKeyBytes } from '../prove/snarkjsProver.ts';
import type { Weights } from '../r1cs/appendRows.ts';
import { compileShape } from '../shapes/compileShape.ts';
import { circuitOf, type Shape } from '../shapes/shape.ts';
import { developmentKey } from './developmentKey.ts';
import { type KnownConstraints, keyIndex } from './keyIndex.ts';
import { layerConstraints } from './layerConstraints.ts';

/** What a layer's proofs are made and checked with. */
export interface LayerKey {
  readonly shape: Shape;
  /** SHA-256 of the verifying key: what a registry names it by. */
  readonly keyId: Uint8Array;
  /** As `readVerifyingKey` reads it. */
  readonly verifyingKey: Uint8Array;
  /** How many, weights included. */
  readonly constraints: number;
  /** SHA-256 of all constraints, weights included. */
  readonly constraintsHash: Uint8Array;
  /** Files. */
  readonly zkey: string;
  readonly witnessProgram: string;
  /** An INSECURE DEVELOPMENT KEY, under which everybody can forge: no cluster but localnet takes its proofs. */
  readonly insecure: boolean;
}

export interface SetupLayerOptions {
  readonly shape: Shape;
  /** Absent for operators without weights. */
  readonly weights?: Weights | undefined;
  /** Where circuits and keys are kept. What is there already is not made again. */
  readonly folder: string;
  /** 32 public bytes that the development key comes from. */
  readonly seed: Uint8Array;
  /** What is done just now; it takes seconds. */
  readonly onProgress?: (step: 'compiling' | 'making the key' | 'done', name: string) => void;
}

/**
 * Compiles a layer's circuit, appends its weights and makes its development key, unless that has been done. A key that is there is found without building its
 * constraints (`keyIndex`). Throws `COMPILE_FAILED`, `KERNEL_FAILED`, `BAD_INPUT`. */
export async function setupLayer(options: SetupLayerOptions): Promise<LayerKey> {
  const { shape, weights, folder, seed, onProgress } = options;
  await mkdir(folder, { recursive: true });
  const onCompile = (circuit: string): void => onProgress?.('compiling', circuit);
  const circuit = circuitOf(shape);
  const compiled = await compileShape(circuit, folder, { onCompile: () => onCompile(circuit.name) });
  const { name } = circuit;
  const placeOf = (constraintsHash: Uint8Array): { readonly zkey: string; readonly record: string } => {
    const id = createHash('sha256').update(seed).update(constraintsHash).digest('hex').slice(0, 16);
    const zkey = join(folder, `${name}-${id}.insecure.zkey`);
    return { zkey, record: `${zkey}.json` };
  };
  const describe = ({ verifyingKey }: KeyRecord, { constraintsHash, count }: KnownConstraints): LayerKey => {
    const bytes = Uint8Array.from(Buffer.from(verifyingKey, 'hex'));
    const keyId = createHash('sha256').update(bytes).digest();
    return {
      shape,
      keyId,
      verifyingKey: bytes,
      constraints: count,
      constraintsHash,
      zkey: placeOf(constraintsHash).zkey,
      witnessProgram: compiled.witness,
      insecure: true,
    };
  };
  const recorded = async (of: KnownConstraints): Promise<LayerKey | undefined> => {
    const text = await readFile(placeOf(of.constraintsHash).record, 'utf8').catch(() => undefined);
    return text === undefined ? undefined : describe(JSON.parse(text) as KeyRecord, of);
  };

  const index = keyIndex({ folder, compiled: compiled.r1cs, weights });
  const indexed = await index.get();
  const found = indexed === undefined ? undefined : await recorded(indexed);
  if (found !== undefined) return found;

  const { count, pieces } = await layerConstraints({ shape, weights, folder, onCompile });
  const constraints = createHash('sha256');
  for (const piece of pieces()) constraints.update(piece);
  const known = { constraintsHash: constraints.digest(), count };
  const { constraintsHash } = known;
  const { zkey, record } = placeOf(constraintsHash);
  await index.put(known);
  const made = await recorded(known);
  if (made !== undefined) return made;
  onProgress?.('making the key', name);
  // Z-31: no public part of a key says which weights it is for. Under one trapdoor the keys of two matrices would be the same.
  const own = createHash('sha256').update('karmesh:development-key').update(seed).update(constraintsHash).digest();
  const { keyHash } = await developmentKey({ constraints: pieces(), seed: own, path: zkey });
  const written: KeyRecord = {
    warning: 'INSECURE DEVELOPMENT KEY: everybody can forge proofs under it.',
    circuit: name,
    seed: Buffer.from(seed).toString('hex'),
    constraintsHash: constraintsHash.toString('hex'),
    keyHash: Buffer.from(keyHash).toString('hex'),
    verifyingKey: Buffer.from(await verifyingKeyBytes(zkey)).toString('hex'),
  };
  // The record comes last, so that a process that ends before it leaves nothing that passes for a key.
  const partial = `${record}.${randomUUID()}.partial`;
  await writeFile(partial, `${JSON.stringify(written, undefined, 2)}\n`);
  await rename(partial, record);
  onProgress?.('done', name);
  return describe(written, known);
}

interface KeyRecord {
  readonly warning: string;
  readonly circuit: string;
  readonly seed: string;
  readonly constraintsHash: string;
  readonly keyHash: string;
  readonly verifyingKey: string;
}
