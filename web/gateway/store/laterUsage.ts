import { type RawBuilder, sql } from 'kysely';

const later = (column: 'chain_hash' | 'usage_record'): RawBuilder<Uint8Array> =>
  sql`case when excluded.output_tokens >= charges.output_tokens then ${sql.ref(`excluded.${column}`)} else ${sql.ref(`charges.${column}`)} end`;

/**
 * What a charge that is there becomes, of what it has and what is inserted: the later usage of the two and the greater debt. Two writers store what was delivered
 * of one request, the purse as it comes and the entry at its end, and either may be first.
 */
export const LATER_USAGE = {
  output_tokens: sql<bigint>`greatest(charges.output_tokens, excluded.output_tokens)`,
  chain_hash: later('chain_hash'),
  usage_record: later('usage_record'),
  lamports: sql<bigint>`greatest(charges.lamports, excluded.lamports)`,
};
