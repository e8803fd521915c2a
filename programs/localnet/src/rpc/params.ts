import type { Address } from '@solana/kit';
import { z } from 'zod';
import { fromBase58, parseAddress } from '../base58.ts';
import { invalidParams } from './rpcError.ts';

/** An account's address. */
export const addressParam = z.string().transform((text, context): Address => {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  const wrongSize = fromBase58(text, 128) !== undefined;
  context.addIssue({ code: 'custom', message: wrongSize ? 'WrongSize' : 'Invalid', params: { solana: true } });
  return z.NEVER;
});

/** A transaction's signature: 64 bytes in base58. */
export const signatureParam = z.string().transform((text, context): string => {
  const bytes = fromBase58(text, 88);
  if (bytes?.length === 64) return text;
  context.addIssue({
    code: 'custom',
    message: bytes === undefined ? 'Invalid' : 'WrongSize',
    params: { solana: true },
  });
  return z.NEVER;
});

export const u64Param = z.int().nonnegative();

/** Commitments are taken and make no difference: on localnet everything that is visible is final. */
const contextFields = {
  commitment: z.string().max(32).nullish(),
  minContextSlot: u64Param.nullish(),
};

/** A last parameter that may be left out or null. Fields that localnet does not know are passed over, as Agave does. */
export function config<S extends z.ZodRawShape>(shape: S) {
  return z
    .object({ ...contextFields, ...shape })
    .nullish()
    .transform((value) => value ?? undefined);
}

export const contextConfig = config({});

export const dataSlice = z.object({ offset: u64Param, length: u64Param });

export const accountEncodings = ['binary', 'base58', 'base64', 'jsonParsed', 'base64+zstd'] as const;

export const accountFields = {
  encoding: z.enum(accountEncodings).nullish(),
  dataSlice: dataSlice.nullish(),
};

/** How many bytes `memcmp` may compare (rpc-client-api, MAX_DATA_BYTES), as base58 and base64 text. */
const maxMemcmpBytes = 128;

const memcmpFilter = z
  .object({
    memcmp: z.object({
      offset: u64Param,
      bytes: z.union([z.string().max(256), z.array(z.int().min(0).max(255)).max(maxMemcmpBytes)]),
      encoding: z.enum(['base58', 'base64', 'bytes']).nullish(),
    }),
  })
  .transform(({ memcmp }, context) => {
    const bytes = memcmpBytes(memcmp.bytes, memcmp.encoding ?? 'base58');
    if (bytes !== undefined && bytes.length <= maxMemcmpBytes) {
      return { kind: 'memcmp' as const, offset: memcmp.offset, bytes };
    }
    context.addIssue({ code: 'custom', message: 'memcmp bytes are not decodable', params: { solana: true } });
    return z.NEVER;
  });

function memcmpBytes(
  bytes: string | readonly number[],
  encoding: 'base58' | 'base64' | 'bytes',
): Uint8Array | undefined {
  if (typeof bytes !== 'string') return Uint8Array.from(bytes);
  if (encoding === 'base58') return fromBase58(bytes, 180);
  return encoding === 'base64' ? decodeBase64(bytes) : undefined;
}

export const filters = z
  .array(
    z.union([
      memcmpFilter,
      z.object({ dataSize: u64Param }).transform(({ dataSize }) => ({ kind: 'dataSize' as const, dataSize })),
      z.literal('tokenAccountState').transform(() => ({ kind: 'dataSize' as const, dataSize: 165 })),
    ]),
  )
  .max(4, { error: 'Too many filters provided; max 4' })
  .nullish()
  .transform((value) => value ?? []);

export type Filter = z.infer<typeof filters>[number];

/** The bytes of a canonical base64 text, or undefined. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** Parses a call's parameters by a tuple whose first `required` members must be there. Throws `RpcError` -32602. */
export function parseParams<S extends z.ZodType>(schema: S, required: number, params: readonly unknown[]): z.output<S> {
  if (params.length < required) {
    throw invalidParams(`\`params\` should have at least ${required} argument(s)`);
  }
  const parsed = schema.safeParse(params);
  if (parsed.success) return parsed.data;
  const issue = deepest(parsed.error.issues);
  if (issue?.message.startsWith('Too many') === true) throw invalidParams(issue.message);
  if (issue?.code === 'custom') throw invalidParams(`Invalid param: ${issue.message}`);
  throw invalidParams(`Invalid params: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}.`);
}

/** Of a union's issues the one that a caller can act on: what a transform of ours said. */
function deepest(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue | undefined {
  for (const issue of issues) {
    if (issue.code === 'custom') return issue;
    if (issue.code !== 'invalid_union') continue;
    const found = issue.errors.map(deepest).find((each) => each?.code === 'custom');
    if (found !== undefined) return found;
  }
  return issues[0];
}
