import { randomBytes } from 'node:crypto';
import { argv, stdout } from 'node:process';
import { addApiKey } from './apiKeys.ts';
import { insertDispatch } from './dispatches.ts';
import { openDatabase } from './openDatabase.ts';
import { lastTicket } from './tickets.ts';

// The victim of the kill tests: opens the database in the folder it is given, says the last number that it finds and how many rows
// there are, then writes tickets with their dispatches and says each number once the database has acknowledged it. It never ends by itself.
const [, , dataFolder] = argv;
if (dataFolder === undefined) throw new Error('Usage: killWriter.ts FOLDER');

const bytes = (length: number) => new Uint8Array(randomBytes(length));
const { db } = await openDatabase({
  dataFolder,
  domain: new Uint8Array(32),
  participant: new Uint8Array(32),
});
await addApiKey(db.sql, { key: 'sk-test', name: 'test', nowMs: 0n });
const last = (await lastTicket(db))?.value.ticketNumber ?? 0n;
const { rows } = await db.sql
  .selectFrom('tickets')
  .innerJoin('dispatches', 'dispatches.ticket_number', 'tickets.number')
  .select((column) => column.fn.countAll<bigint>().as('rows'))
  .executeTakeFirstOrThrow();
stdout.write(`opened ${last} ${rows}\n`);
const ticket = { gateway: bytes(32), lane: 0, priceCap: 1n, unitPrice: 1n, escrow: bytes(32), issuedAtMs: 1n };
const dispatch = {
  ticketHash: bytes(32),
  slot: 1n,
  preimage: bytes(32),
  modelId: bytes(32),
  engineClass: bytes(32),
  assurance: 'stream',
  dispatchedAtMs: 1n,
} as const;
const signed = <T>(value: T) => ({ value, signature: bytes(64) });
for (let number = last + 1n; ; number++) {
  await insertDispatch(db, {
    epoch: 1n,
    ticket: signed({ ...ticket, requestId: bytes(32), ticketNumber: number }),
    keyHash: bytes(32),
    signed: signed({ ...dispatch, dispatchNumber: number }),
    slotHash: bytes(32),
    drawn: [],
  });
  stdout.write(`${number}\n`);
}
