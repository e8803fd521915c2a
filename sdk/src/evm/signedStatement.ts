import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { fromHex } from '../protocol/bytes.ts';
import { type EvmAddress, hex } from './evmAddress.ts';
import type { EpochStatement, EvmStatement, KeysStatement, ProofsContract } from './statements.ts';

/** What one validator says, as it goes from hand to hand. Whose the signature is, and whether it counts, `collectSignatures` finds out. */
export interface SignedStatement {
  readonly contract: ProofsContract;
  readonly statement: EvmStatement;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** Of one validator, and of a thousand in a set. */
const MAX_CHARACTERS = 1 << 17;

const bytes = (count: number) =>
  z
    .templateLiteral(['0x', z.string().regex(new RegExp(`^[0-9a-f]{${2 * count}}$`))])
    .transform((text) => fromHex(text.slice(2)));
const address = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/)
  .transform((text) => text as EvmAddress);
const natural = (bits: bigint) =>
  z
    .string()
    .regex(/^(?:0|[1-9][0-9]{0,77})$/)
    .transform(BigInt)
    .refine((value) => value < 1n << bits);
const u32 = z.int().min(0).max(0xffff_ffff);

const schema = z.strictObject({
  contract: z.strictObject({ chainId: natural(256n), address, domain: bytes(32) }),
  statement: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('epoch'),
      epoch: natural(64n),
      receiptSetRoot: bytes(32),
      entryCount: u32,
      next: z.strictObject({
        totalStake: natural(64n),
        validators: z.array(z.strictObject({ signer: address, stake: natural(64n) })).max(512),
      }),
    }),
    z.strictObject({ kind: z.literal('keys'), modelId: bytes(32), keysRoot: bytes(32), keyCount: u32 }),
  ]),
  signature: bytes(65),
});

/** One line of JSON: bytes in hexadecimal behind `0x`, numbers of 64 bits and more as decimal strings. */
export function signedStatementJson(signed: SignedStatement): string {
  return JSON.stringify(signed, (_, value: unknown) => {
    if (value instanceof Uint8Array) return hex(value);
    return typeof value === 'bigint' ? value.toString() : value;
  });
}

/** Reads what `signedStatementJson` wrote. Throws `CODEC` for anything else. */
export function parseSignedStatement(text: string): SignedStatement {
  if (text.length > MAX_CHARACTERS)
    throw new KarmeshError('CODEC', 'A signed statement is too long.', { characters: text.length });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new KarmeshError('CODEC', 'A signed statement is not JSON.', {}, cause);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success)
    throw new KarmeshError('CODEC', 'A signed statement has another shape.', {
      at: parsed.error.issues[0]?.path.join('.'),
    });
  return parsed.data satisfies { readonly statement: EpochStatement | KeysStatement };
}
