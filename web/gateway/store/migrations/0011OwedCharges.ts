import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/**
 * Counts are as wide as what workers sign. An entry has its charge from the moment that it is stored; those of before that were never billed get one, of
 * which the next start bills nothing and settles the price.
 */
export const owedCharges: Migration = {
  async up(db) {
    await runAll(db, [
      'alter table charges alter column prompt_tokens type bigint, alter column output_tokens type bigint',
      `insert into charges (request_id, gateway, account_id, key_hash, unit_price, prompt_tokens, output_tokens, chain_hash, usage_record,
        lamports, settled_lamports, state, updated_at_ms)
      select entries.request_id, entries.gateway, api_keys.account_id, api_keys.key_hash, 0, 0, 0, '', '', 0, null, 'open', 0
      from entries
        join dispatches on dispatches.gateway = entries.gateway and dispatches.epoch = entries.epoch
          and dispatches.number = entries.dispatch_number
        join tickets on tickets.gateway = dispatches.gateway and tickets.number = dispatches.ticket_number
        join api_keys on api_keys.key_hash = tickets.key_hash
      where entries.price > 0 and not exists (
        select from movements where kind = 'charge' and reference = encode(entries.request_id, 'hex')
      )
      on conflict do nothing`,
    ]);
  },

  async down(db) {
    await runAll(db, [
      'alter table charges alter column prompt_tokens type integer, alter column output_tokens type integer',
    ]);
  },
};
