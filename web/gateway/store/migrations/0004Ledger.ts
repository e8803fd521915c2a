import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/** Double entry: movements whose postings sum to zero, which nothing changes afterwards, and the balances that follow from them. */
export const ledger: Migration = {
  async up(db) {
    await runAll(db, [
      `create table movements (
        id bigint generated always as identity primary key,
        kind text not null,
        reference text not null,
        at_ms bigint not null,
        unique (kind, reference)
      )`,
      `create table postings (
        movement_id bigint not null references movements,
        account text not null,
        lamports bigint not null check (lamports <> 0),
        primary key (movement_id, account)
      )`,
      'create index postings_account on postings (account)',
      `create table balances (
        account text primary key,
        lamports bigint not null
      )`,
      `create function refuse_change() returns trigger language plpgsql as $$
      begin
        raise exception 'the ledger is only ever added to' using errcode = 'KM002';
      end $$`,
      ...['movements', 'postings'].map(
        (table) => `create trigger ${table}_append_only before update or delete or truncate on ${table}
          for each statement execute function refuse_change()`,
      ),
      `create function check_movement() returns trigger language plpgsql as $$
      declare moved bigint;
      begin
        if tg_table_name = 'movements' then moved := new.id; else moved := new.movement_id; end if;
        if (select coalesce(sum(lamports), 1) from postings where movement_id = moved) <> 0 then
          raise exception 'the postings of movement % do not sum to zero', moved using errcode = 'KM003';
        end if;
        return null;
      end $$`,
      ...['movements', 'postings'].map(
        (table) => `create constraint trigger ${table}_sum after insert on ${table}
          deferrable initially deferred for each row execute function check_movement()`,
      ),
    ]);
  },

  async down(db) {
    await runAll(db, [
      'drop table balances',
      'drop table postings',
      'drop table movements',
      'drop function check_movement',
      'drop function refuse_change',
    ]);
  },
};
