import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { errnoOf, storeError, syncFolder, writeFileAtomic } from '@karmesh/sdk/runtime';
import type { Address } from '@solana/kit';
import { z } from 'zod';
import { parseAddress, toBase58 } from '../base58.ts';

export type Program = { readonly id: Address; readonly elf: Uint8Array };

/** What a cluster is made of before its first slot. */
export type Genesis = {
  /** Base58 of 32 bytes, random, so that no two clusters share one. */
  readonly hash: string;
  /** The Ed25519 seed of the faucet. */
  readonly faucetSeed: Uint8Array;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly programs: readonly Program[];
};

/** The largest program that a cluster takes: an account of 10 MiB. */
const maxProgramBytes = 10 * 2 ** 20;

const addressSchema = z.string().transform((text, context) => {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  context.addIssue({ code: 'custom', message: 'is no address' });
  return z.NEVER;
});

const fileSchema = z.strictObject({
  version: z.literal(2),
  hash: addressSchema,
  faucetSeed: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.int().nonnegative(),
  programs: z.array(z.strictObject({ id: addressSchema, sha256: z.string().regex(/^[0-9a-f]{64}$/) })).max(1_000),
});

/** A new cluster of these programs. */
export function createGenesis(programs: readonly Program[], createdAt: number): Genesis {
  return { hash: toBase58(randomBytes(32)), faucetSeed: randomBytes(32), createdAt, programs };
}

/** Reads a program's file. @throws KarmeshError `CONFIG_INVALID` if it is missing or no ELF of at most 10 MiB. */
export async function readProgram({ id, path }: { readonly id: Address; readonly path: string }): Promise<Program> {
  const elf = await readOptional(path);
  if (elf === undefined) throw new KarmeshError('CONFIG_INVALID', 'A program file does not exist.', { id, path });
  if (elf.length > maxProgramBytes || Buffer.compare(elf.subarray(0, 4), Buffer.from('\x7fELF', 'latin1')) !== 0) {
    throw new KarmeshError('CONFIG_INVALID', 'A program file is no ELF of at most 10 MiB.', {
      id,
      path,
      bytes: elf.length,
    });
  }
  return { id, elf };
}

/**
 * The genesis of a data folder, made on its first use. Programs are copied into the folder, so that a restart needs no paths;
 * one that is named again must be the same.
 *
 * @throws KarmeshError `PROGRAM_MISMATCH`, `DISK_FULL`, `STORE_FAILED`.
 */
export async function openGenesis(folder: string, programs: readonly Program[], createdAt: number): Promise<Genesis> {
  const path = join(folder, 'genesis.json');
  const bytes = await readOptional(path);
  if (bytes === undefined) return writeGenesis(folder, path, createGenesis(programs, createdAt));

  const parsed = fileSchema.safeParse(parseJson(bytes));
  if (!parsed.success) throw new KarmeshError('STORE_FAILED', 'The genesis file is damaged.', { path });
  const stored: Program[] = [];
  for (const { id, sha256 } of parsed.data.programs) {
    const elf = await readOptional(programPath(folder, id));
    if (elf === undefined || digest(elf) !== sha256) {
      throw new KarmeshError('STORE_FAILED', 'A program of the data folder is missing or damaged.', { folder, id });
    }
    stored.push({ id, elf });
  }
  for (const { id, elf } of programs) {
    const existing = stored.find((each) => each.id === id);
    if (existing === undefined || digest(existing.elf) !== digest(elf)) {
      throw new KarmeshError(
        'PROGRAM_MISMATCH',
        'The data folder holds a cluster that began with another build of this program; start a new folder.',
        { folder, id, sha256: digest(elf), stored: existing === undefined ? undefined : digest(existing.elf) },
      );
    }
  }
  return {
    hash: parsed.data.hash,
    faucetSeed: Buffer.from(parsed.data.faucetSeed, 'hex'),
    createdAt: parsed.data.createdAt,
    programs: stored,
  };
}

async function writeGenesis(folder: string, path: string, genesis: Genesis): Promise<Genesis> {
  try {
    await mkdir(join(folder, 'programs'), { recursive: true, mode: 0o700 });
    await syncFolder(folder);
  } catch (cause) {
    throw storeError(folder, cause);
  }
  for (const { id, elf } of genesis.programs) await writeFileAtomic({ path: programPath(folder, id), bytes: elf });
  // Written last: a folder without it holds nothing that anyone was told of.
  const file: z.input<typeof fileSchema> = {
    version: 2,
    hash: genesis.hash,
    faucetSeed: Buffer.from(genesis.faucetSeed).toString('hex'),
    createdAt: genesis.createdAt,
    programs: genesis.programs.map(({ id, elf }) => ({ id, sha256: digest(elf) })),
  };
  await writeFileAtomic({ path, bytes: `${JSON.stringify(file, undefined, 2)}\n` });
  return genesis;
}

function programPath(folder: string, id: Address): string {
  return join(folder, 'programs', `${id}.so`);
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function readOptional(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw storeError(path, cause);
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
