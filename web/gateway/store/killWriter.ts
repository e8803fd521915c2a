import { randomBytes } from 'node:crypto';
import { argv, stdout } from 'node:process';
import { addApiKey } from './apiKeys.ts';
import { bindGateway } from './bindGateway.ts';
import { openDatabase } from './openDatabase.ts';
import { insertTicket, lastTicket } from './tickets.ts';

// The victim of the kill tests: opens the database in the folder it is given, says the last number that it finds and how many rows
// there are, then writes rows and says each number once the database has acknowledged it. It never ends by itself.
const [, , dataFolder] = argv;
if (dataFolder === undefined) throw new Error('Usage: killWriter.ts FOLDER');

const bytes = (length: number) => new Uint8Array(randomBytes(length));
const { db } = await openDatabase({ dataFolder });
await bindGateway(db, { domain: new Uint8Array(32), participant: new Uint8Array(32) });
await addApiKey(db, { key: 'sk-test', name: 'test', nowMs: 0n });
const last = (await lastTicket(db))?.value.ticketNumber ?? 0n;
const { rows } = await db
  .selectFrom('tickets')
  .select((column) => column.fn.countAll<bigint>().as('rows'))
  .executeTakeFirstOrThrow();
stdout.write(`opened ${last} ${rows}\n`);
const value = {
  gateway: bytes(32),
  lane: 0,
  priceCap: 1n,
  escrow: bytes(32),
  issuedAtMs: 1n,
};
for (let number = last + 1n; ; number++) {
  await insertTicket(db, {
    signed: { value: { ...value, requestId: bytes(32), ticketNumber: number }, signature: bytes(64) },
    keyHash: bytes(32),
  });
  stdout.write(`${number}\n`);
}
