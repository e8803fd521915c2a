import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  equalBytes,
  fromHex,
  type Hash,
  type ModelId,
  type ModelManifest,
  modelIdOf,
  toHex,
} from '@karmesh/sdk/protocol';
import { acquireLockFile, errnoOf, type LockFile, storeError, syncFolder, writeFileAtomic } from '@karmesh/sdk/runtime';
import { convertModel } from '../convert/convertModel.ts';
import { exactManifest } from '../convert/exactManifest.ts';
import { type ConversionCall, hashOfBytes, type ModelSource, refuseAborted } from '../convert/modelBytes.ts';
import { type ConversionPlan, planConversion } from '../convert/planConversion.ts';
import { EXACT_HEADER_BYTES, EXACT_VERSION, readExactHeader } from './exactFile.ts';
import type { ExactVariant } from './exactShape.ts';
import { fileTarget, nodeSha256, openModelFile } from './modelFiles.ts';

export interface ExactModelFileOptions {
  /** Where converted models lie; made if it is not there. */
  readonly cacheFolder: string;
  /** `wide` although X-02 would allow `narrow`. */
  readonly variant?: 'wide' | undefined;
}

/** A converted model on the disk, whose hash was checked. */
export interface ExactModelFile {
  readonly path: string;
  /** */
  readonly manifest: ModelManifest;
  readonly modelId: ModelId;
  readonly variant: ExactVariant;
  /** It was there already. */
  readonly cached: boolean;
}

/** How long to wait between looks at another process that converts the same model. */
const LOCKED_MS = 200;

/**
 * The converted model of a GGUF file: from the cache if it is there undamaged, else converted now. Files are named by the GGUF file's hash, the variant and the
 * version of the arithmetic, with their own hash beside them in the form of `sha256sum`. One process converts at a time, others wait for it. A process
 * that is killed leaves a temporary file, which the next conversion overwrites.
 *
 * Throws `MODEL_INVALID`, `DISK_FULL`, `STORE_FAILED`, `ABORTED`.
 */
export async function exactModelFile(
  ggufPath: string,
  { cacheFolder, variant }: ExactModelFileOptions,
  call: ConversionCall = {},
): Promise<ExactModelFile> {
  await using source = await openModelFile(ggufPath);
  const plan = await planConversion({ source, variant }, { sha256: nodeSha256, ...call });
  const name = `${toHex(plan.manifest.fileHash)}-${plan.variant}.exact${EXACT_VERSION}`;
  const path = join(cacheFolder, name);
  const wanted = { path, plan, call };
  const cached = await readCached(wanted);
  if (cached !== undefined) return cached;
  await using _lock = await waitForLock(`${path}.lock`, call.signal);
  // Whoever held the lock may have made it.
  return (await readCached(wanted)) ?? (await convert(source, wanted));
}

interface Wanted {
  readonly path: string;
  readonly plan: ConversionPlan;
  readonly call: ConversionCall;
}

/** The file if it is whole: of this model and variant, and with the hash that was written down behind its conversion. */
async function readCached({ path, plan, call }: Wanted): Promise<ExactModelFile | undefined> {
  const fileHash = await readHash(path);
  if (fileHash === undefined) return undefined;
  try {
    await using file = await openModelFile(path);
    const head = new Uint8Array(Math.min(EXACT_HEADER_BYTES, file.bytes));
    await file.read(0, head);
    const { variant, sourceHash } = readExactHeader(head, file.bytes);
    if (variant !== plan.variant || !equalBytes(sourceHash, plan.manifest.fileHash)) return undefined;
    const found = await hashOfBytes(file, { sha256: nodeSha256, step: 'check', ...call });
    if (!equalBytes(found, fileHash)) return undefined;
    const manifest = exactManifest(plan.manifest, { variant, fileHash, fileBytes: BigInt(file.bytes) });
    return { path, manifest, modelId: modelIdOf(manifest), variant, cached: true };
  } catch (error) {
    // A damaged cache is made anew.
    if (error instanceof KarmeshError && error.code === 'MODEL_INVALID') return undefined;
    throw error;
  }
}

async function readHash(path: string): Promise<Hash | undefined> {
  try {
    const [, hex] = /^([0-9a-f]{64}) /.exec(await readFile(hashPath(path), 'latin1')) ?? [];
    return hex === undefined ? undefined : fromHex(hex);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw storeError(hashPath(path), cause);
  }
}

function hashPath(path: string): string {
  return `${path}.sha256`;
}

/** Only who holds the lock writes the temporary file, so that one name serves all and nothing piles up. */
async function convert(source: ModelSource, { path, plan, call }: Wanted): Promise<ExactModelFile> {
  const temporary = `${path}.tmp`;
  try {
    const { manifest, modelId, variant } = await writeTemporary(temporary, { source, plan, call });
    await rename(temporary, path);
    await syncFolder(dirname(path));
    // The hash comes last: a file without it is not whole.
    const line = `${toHex(manifest.fileHash)}  ${basename(path)}\n`;
    await writeFileAtomic({ path: hashPath(path), bytes: line });
    return { path, manifest, modelId, variant, cached: false };
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause instanceof KarmeshError || errnoOf(cause) === undefined ? cause : storeError(path, cause);
  }
}

async function writeTemporary(
  path: string,
  { source, plan, call }: { readonly source: ModelSource } & Omit<Wanted, 'path'>,
): Promise<{ readonly manifest: ModelManifest; readonly modelId: ModelId; readonly variant: ExactVariant }> {
  await using file = await open(path, 'w+', 0o600);
  const target = fileTarget(file, path);
  const converted = await convertModel({ plan, source, target }, { sha256: nodeSha256, ...call });
  await file.sync();
  return converted;
}

/** Takes the lock once nobody holds it. */
async function waitForLock(path: string, signal: AbortSignal | undefined): Promise<LockFile> {
  for (;;) {
    refuseAborted(signal);
    try {
      return await acquireLockFile(path);
    } catch (error) {
      if (!(error instanceof KarmeshError && error.code === 'STORE_LOCKED')) throw error;
    }
    await pause(LOCKED_MS);
  }
}
