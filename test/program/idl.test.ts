import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BorshCoder, Program } from '@coral-xyz/anchor';
import { CLUSTER_NAMES, clusterPreset } from '@karmesh/sdk/clusters';
import { ACCOUNT_SIZE, bufferSize, initialise, PROGRAM_ID, provenSize, toBase58 } from '@karmesh/sdk/program';
import { Connection } from '@solana/web3.js';
import { describe, expect, test } from 'vitest';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { buildWorld, type Member, OFFCHAIN_HASH, PARAMETERS, parameterList, readParticipant } from './world.ts';

const root = join(import.meta.dirname, '..', '..');
const idl = JSON.parse(await readFile(join(root, 'programs', 'karma', 'idl.json'), 'utf8'));
const protocol = await readFile(join(root, 'docs', 'protocol.md'), 'utf8');
const rust = async (file: string): Promise<string> =>
  await readFile(join(root, 'programs', 'karma', 'src', file), 'utf8');

type Type = string | { array: [Type, number] } | { defined: { name: string } } | { vec: Type };
interface Field {
  readonly name: string;
  readonly type: Type;
}

const structs = new Map<string, Field[]>(
  idl.types.map((type: { name: string; type: { fields: Field[] } }) => [type.name, type.type.fields]),
);

function sizeOf(type: Type): number {
  const primitive: Record<string, number> = { u8: 1, u16: 2, u32: 4, u64: 8, pubkey: 32 };
  if (typeof type === 'string') return primitive[type] ?? Number.NaN;
  if ('array' in type) return sizeOf(type.array[0]) * type.array[1];
  if ('defined' in type) return (structs.get(type.defined.name) ?? []).reduce((sum, f) => sum + sizeOf(f.type), 0);
  // Its count; the items are not part of the structure.
  return 4;
}

function alignmentOf(type: Type): number {
  if (typeof type === 'string') return type === 'pubkey' ? 1 : sizeOf(type);
  if ('array' in type) return alignmentOf(type.array[0]);
  if ('defined' in type) return Math.max(...(structs.get(type.defined.name) ?? []).map((f) => alignmentOf(f.type)));
  return 4;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The parts between commas that stand in no brackets. */
function topLevel(list: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const char of list) {
    if ('[('.includes(char)) depth++;
    if ('])'.includes(char)) depth--;
    if (char === ',' && depth === 0) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${char}`);
  }
  return parts;
}

/** What docs/protocol.md calls the number of items of an account's list. */
const COUNTS: Readonly<Record<string, string>> = { Proven: 'keyCount', Buffer: 'size' };

/** Name to offset of every field of an account, as the IDL lays it. */
function offsets(account: string): Record<string, number> {
  const out: Record<string, number> = {};
  let offset = 8;
  for (const field of structs.get(account) ?? []) {
    const isList = typeof field.type === 'object' && 'vec' in field.type;
    if (isList) out[COUNTS[account] ?? 'count'] = offset;
    out[camelCase(field.name)] = isList ? offset + sizeOf(field.type) : offset;
    offset += sizeOf(field.type);
  }
  return out;
}

/** What docs/protocol.md says of an account: its size and "name type @offset" of its fields. */
function documented(account: string): { readonly size: number; readonly offsets: Record<string, number> } {
  const paragraph =
    new RegExp(`\\*\\*${account}\\*\\* [\\s\\S]*?(?=\\n\\n)`).exec(protocol)?.[0].replaceAll('\n', ' ') ?? '';
  const found: Record<string, number> = {};
  for (const [, name, at] of paragraph.matchAll(/(\w+) (?:u8|u16|u32|u64|\[[^@]*?\]) @(\d+)/g)) {
    if (name !== undefined) found[name] = Number(at);
  }
  return { size: Number(/, (\d+) bytes/.exec(paragraph)?.[1]), offsets: found };
}

const ACCOUNTS = ['Config', 'Vault', 'Participant', 'GatewayChain', 'Escrow', 'Epoch', 'Vote', 'ModelKeys'];

const EVIDENCE = ['Buffer', 'Finding', 'Case', 'Fault', 'Challenge'];

describe.each([...ACCOUNTS, 'KeyAttestation', 'Layer', 'Proven', 'Stake', 'Proposal', 'Ballot', ...EVIDENCE])(
  '%s',
  (account) => {
    test('has the offsets and the size of docs/protocol.md', () => {
      const lays = offsets(account);
      const doc = documented(account);
      expect(Object.keys(doc.offsets).length).toBeGreaterThan(2);
      expect(Object.fromEntries(Object.keys(doc.offsets).map((name) => [name, lays[name]]))).toEqual(doc.offsets);
      expect(Object.keys(lays).filter((name) => !/^padding/.test(name))).toEqual(Object.keys(doc.offsets));
      expect(8 + sizeOf({ defined: { name: account } })).toBe(doc.size);
      const sizes: Readonly<Record<string, number>> = { ...ACCOUNT_SIZE, proven: provenSize(0), buffer: bufferSize(0) };
      expect(doc.size).toBe(sizes[`${account[0]?.toLowerCase()}${account.slice(1)}`]);
    });

    test('has no hidden padding, so that borsh reads what the program laid', () => {
      let offset = 8;
      for (const field of structs.get(account) ?? []) {
        expect([field.name, offset % alignmentOf(field.type)]).toEqual([field.name, 0]);
        offset += sizeOf(field.type);
      }
      expect(offset % 8).toBe(0);
    });
  },
);

test('no account has the size of another type, by which who reads the chain tells them apart', () => {
  const sizes = Object.values(ACCOUNT_SIZE) as number[];
  expect(new Set(sizes).size).toBe(sizes.length);
  const records = Array.from({ length: 257 }, (_, keyCount) => provenSize(keyCount));
  expect(records.filter((size) => sizes.includes(size))).toEqual([]);
  // A buffer's content is 4 bytes more than a multiple of 8, and so is the buffer.
  expect([...sizes, ...records].filter((size) => size % 8 === bufferSize(4) % 8)).toEqual([]);
});

test('discriminators are those of Anchor and of the program', async () => {
  const first8 = (text: string): number[] => [...createHash('sha256').update(text).digest().subarray(0, 8)];
  const source = await rust('instruction.rs');
  for (const { name, discriminator } of idl.instructions) {
    expect(discriminator).toEqual(first8(`global:${name}`));
    expect(source).toContain(`[${discriminator.join(', ')}]`);
  }
  for (const { name, discriminator } of idl.accounts) expect(discriminator).toEqual(first8(`account:${name}`));
  const events = await rust('event.rs');
  for (const { name, discriminator } of idl.events) {
    expect(discriminator).toEqual(first8(`event:${name}`));
    expect(events).toContain(`[${discriminator.join(', ')}]`);
  }
});

test('errors have the names and the order of docs/protocol.md and of the program', async () => {
  const section = /### Errors \(from 6000\)\n([\s\S]*?)\./.exec(protocol)?.[1] ?? '';
  const names = section.split(',').map((name) => name.trim());
  expect(idl.errors.map(({ name }: { name: string }) => name)).toEqual(names);
  expect(idl.errors.map(({ code }: { code: number }) => code)).toEqual(names.map((_, i) => 6000 + i));
  const source = /errors! \{\n([\s\S]*?)\n\}/.exec(await rust('error.rs'))?.[1] ?? '';
  expect(
    source
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  ).toEqual(names);
});

test('the instructions are those of docs/protocol.md, with their arguments', () => {
  const table = /### Instructions\n[\s\S]*?\n\n\| instruction([\s\S]*?)\n\n/.exec(protocol)?.[1] ?? '';
  const rows = [...table.matchAll(/^\| (\w+) \| ([^|]*)\|/gm)];
  const documentedArguments = rows.map(([, name, args]) => [
    name,
    topLevel(args ?? '')
      .map((arg) => arg.trim().split(' ')[0])
      .filter((arg) => arg !== ''),
  ]);
  const actual = idl.instructions.map((instruction: { name: string; args: Field[] }) => [
    instruction.name,
    instruction.args.map(({ name }) => camelCase(name)),
  ]);
  expect(actual).toEqual(documentedArguments);
});

test('karma.so is the file whose hash is committed', async () => {
  const folder = join(root, 'programs', 'karma');
  const hash = createHash('sha256')
    .update(await readFile(join(folder, 'karma.so')))
    .digest('hex');
  expect(await readFile(join(folder, 'karma.so.sha256'), 'utf8')).toBe(`${hash}  karma.so\n`);
});

test("every cluster preset names the program's address", () => {
  for (const name of CLUSTER_NAMES) expect(clusterPreset(name).programId).toBe(toBase58(PROGRAM_ID));
});

test("Anchor's Program takes the file as it is: instructions, addresses and accounts", async () => {
  const program = new Program(idl, { connection: new Connection('http://127.0.0.1:1') });
  const world = await buildWorld(liteSvmLedger());
  const { ledger, addresses, operator } = world;
  const ours = initialise(addresses, {
    payer: operator.publicKey,
    genesis: ledger.genesis,
    version: 1,
    parameters: parameterList(PARAMETERS),
    offchainParametersHash: OFFCHAIN_HASH,
  });
  expect(ours.keys.map(({ pubkey }) => pubkey.toBase58())).toEqual([
    toBase58(operator.publicKey),
    toBase58(addresses.config),
    toBase58(addresses.vault),
    '11111111111111111111111111111111',
  ]);

  const [worker] = world.workers as [Member];
  const raw = await ledger.account(worker.address);
  const coder = program.coder as BorshCoder;
  const decoded = coder.accounts.decode('participant', Buffer.from(raw?.data ?? []));
  const account = await readParticipant(world, worker.address);
  expect(decoded.identity.toBytes()).toEqual(account.identity);
  expect(decoded.ownUnits.toString()).toBe(account.ownUnits.toString());
  expect(decoded.models[0]).toEqual([...(account.models[0] ?? [])]);
  expect(program.programId.toBase58()).toBe(toBase58(PROGRAM_ID));
});
