import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

const NUMBERED = ['tickets', 'chains', 'candidate_groups', 'dispatches', 'batches', 'entries'] as const;

/**
 * Several gateways in one database: each numbered row names its gateway, and `own_gateway` refuses rows of a process whose place another
 * has taken. It locks the gateway's row, so that the next process, which changes that row first, waits for the rows that are under way.
 */
export const gateways: Migration = {
  async up(db) {
    await runAll(db, [
      `create table gateways (
        participant bytea primary key,
        domain bytea not null,
        fence bigint not null
      )`,
      'insert into gateways select participant, domain, 0 from gateway',
      'drop table gateway',
      `create function own_gateway(who bytea, held bigint) returns bytea language plpgsql as $$
      begin
        perform 1 from gateways where participant = who and fence = held for share;
        if not found then
          raise exception 'another process of this gateway has taken its place' using errcode = 'KM001';
        end if;
        return who;
      end $$`,
      'alter table entries drop constraint entries_dispatch_fkey, drop constraint entries_batch_sequence_fkey',
      'alter table dispatches drop constraint dispatches_ticket_number_fkey',
      'drop index entries_unpublished',
      'drop index entries_batch',
      ...NUMBERED.flatMap((table) => [
        `alter table ${table} add column gateway bytea references gateways`,
        `update ${table} set gateway = (select participant from gateways)`,
        `alter table ${table} alter column gateway set not null, drop constraint ${table}_pkey`,
      ]),
      'alter table tickets add primary key (gateway, number)',
      'alter table chains add primary key (gateway, epoch)',
      'alter table candidate_groups add primary key (gateway, epoch, engine_class, model_id)',
      `alter table dispatches add primary key (gateway, epoch, number),
        add constraint dispatches_ticket_fkey foreign key (gateway, ticket_number) references tickets`,
      'alter table batches add primary key (gateway, sequence)',
      `alter table entries add primary key (gateway, epoch, dispatch_number),
        add constraint entries_dispatch_fkey foreign key (gateway, epoch, dispatch_number) references dispatches,
        add constraint entries_batch_fkey foreign key (gateway, batch_sequence) references batches`,
      'create index entries_unpublished on entries (gateway, epoch, dispatch_number) where batch_sequence is null',
      'create index entries_batch on entries (gateway, batch_sequence)',
    ]);
  },

  async down(db) {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from gateways`.execute(db);
    if ((rows[0]?.count ?? 0) > 1) throw new Error('The tables of before hold the numbers of one gateway only.');
    await runAll(db, [
      `create table gateway (
        one boolean primary key check (one),
        domain bytea not null,
        participant bytea not null
      )`,
      'insert into gateway select true, domain, participant from gateways',
      'drop index entries_unpublished',
      'drop index entries_batch',
      'alter table entries drop constraint entries_dispatch_fkey, drop constraint entries_batch_fkey',
      'alter table dispatches drop constraint dispatches_ticket_fkey',
      ...NUMBERED.map((table) => `alter table ${table} drop constraint ${table}_pkey, drop column gateway`),
      'alter table tickets add primary key (number)',
      'alter table chains add primary key (epoch)',
      'alter table candidate_groups add primary key (epoch, engine_class, model_id)',
      `alter table dispatches add primary key (epoch, number),
        add foreign key (ticket_number) references tickets`,
      'alter table batches add primary key (sequence)',
      `alter table entries add primary key (epoch, dispatch_number),
        add constraint entries_dispatch_fkey foreign key (epoch, dispatch_number) references dispatches,
        add foreign key (batch_sequence) references batches`,
      'create index entries_unpublished on entries (epoch, dispatch_number) where batch_sequence is null',
      'create index entries_batch on entries (batch_sequence)',
      'drop function own_gateway',
      'drop table gateways',
    ]);
  },
};
