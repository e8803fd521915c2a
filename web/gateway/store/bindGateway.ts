import { KarmeshError } from '@karmesh/sdk/errors';
import { type Domain, equalBytes, type Participant, toHex } from '@karmesh/sdk/protocol';
import type { Db } from './openDatabase.ts';

/**
 * Ties the database to one gateway on one cluster at first use: its numbers would be wrong for any other.
 *
 * @throws KarmeshError `STORE_FAILED` if it is tied to another.
 */
export async function bindGateway(
  db: Db,
  gateway: { readonly domain: Domain; readonly participant: Participant },
): Promise<void> {
  await db
    .insertInto('gateway')
    .values({ one: true, domain: gateway.domain, participant: gateway.participant })
    .onConflict((conflict) => conflict.column('one').doNothing())
    .execute();
  const bound = await db.selectFrom('gateway').selectAll().executeTakeFirstOrThrow();
  if (!equalBytes(bound.domain, gateway.domain) || !equalBytes(bound.participant, gateway.participant)) {
    throw new KarmeshError('STORE_FAILED', 'The data folder belongs to another gateway or cluster.', {
      domain: toHex(bound.domain),
      participant: toHex(bound.participant),
    });
  }
}
