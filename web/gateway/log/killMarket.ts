import { writeSync } from 'node:fs';
import { stdout } from 'node:process';
import { systemClock } from '@karmesh/sdk/clock';
import { decodeInferFrame, ticketRecord, toHex } from '@karmesh/sdk/protocol';
import { generateKeypair, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { sql } from 'kysely';
import { domain, question, testMarket } from '../scheduler/fixtures/testMarket.ts';
import { openLog } from './openLog.ts';

// The victim of a kill test: a market whose log the disk refuses every other time, while it takes dispatches always. It says its folder, and each
// ticket's hash as a worker reads it. It never ends by itself.
const market = await testMarket({ workers: 3 });
const { database } = market;
writeSync(stdout.fd, `folder ${database.folder}\n`);
const queueLog = await openLog(
  { capacity: 4 },
  {
    db: database.db,
    domain,
    signer: generateKeypair(),
    host: { openStream: () => Promise.reject(new Error('Nobody is asked.')) },
    cosigners: () => [],
    verify: nativeVerifySignature,
    clock: systemClock,
    log: { debug: () => {}, error: () => {} },
  },
);
await sql`create sequence tries`.execute(database.sql);
await sql`create function refuse() returns trigger language plpgsql as $$
  begin if nextval('tries') % 2 = 1 then raise exception 'refused'; end if; return null; end $$`.execute(database.sql);
await sql`create trigger refuse before insert on log_events for each statement execute function refuse()`.execute(
  database.sql,
);
for (const worker of market.workers) {
  const { serve } = worker;
  worker.serve = (stream) =>
    serve({
      ...stream,
      async receive() {
        const bytes = await stream.receive();
        const frame = bytes === undefined ? undefined : decodeInferFrame(bytes);
        if (frame?.type === 'dispatch')
          writeSync(stdout.fd, `read ${toHex(ticketRecord.hash(domain, frame.ticket.value))}\n`);
        return bytes;
      },
    });
}
const scheduler = await market.open({ lane: { maxRunning: 4, maxWaiting: 4 } }, { queueLog });
for (;;) await Promise.all([1, 2, 3].map(() => market.collect(scheduler, question('quorum')).catch(() => {})));
