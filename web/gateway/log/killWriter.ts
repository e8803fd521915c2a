import { argv, stdout } from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '@karmesh/sdk/clock';
import { formatOrigin, hash, u64le } from '@karmesh/sdk/protocol';
import { generateKeypair } from '@karmesh/sdk/runtime';
import { openDatabase } from '../store/openDatabase.ts';
import { appendEvents } from './appendEvents.ts';
import { lastEntered } from './logStore.ts';
import { signCheckpoints } from './signCheckpoints.ts';

// The victim of the kill test: goes on with the log in the folder it is given, says each size that the log has acknowledged and each
// checkpoint as it is served. It never ends by itself.
const [, , dataFolder] = argv;
if (dataFolder === undefined) throw new Error('Usage: killWriter.ts FOLDER');

const gateway = new Uint8Array(32).fill(1);
const { db } = await openDatabase({ dataFolder, domain: new Uint8Array(32), participant: gateway });
const stored = { db };
const log = {
  error: (facts: unknown) => {
    throw facts;
  },
};
const appender = await appendEvents({ maxPending: 10_000, retryMs: 1_000 })({ ...stored, clock: systemClock, log });
const { size, root } = appender.tip();
appender.append({ kind: 'opened', capacity: 1, size: BigInt(size), root, atMs: BigInt(Date.now()) });
await appender.flushed();
const checkpoints = await signCheckpoints({ intervalMs: 1 })({
  ...stored,
  origin: formatOrigin({ domain: new Uint8Array(32), gateway }),
  signer: generateKeypair(),
  appender,
  cosigners: { ask: async () => [] },
  clock: systemClock,
  log,
});
let served = 0;
for (let ticketNumber = (await lastEntered(stored)) + 1n; ; ticketNumber++) {
  const ticketHash = hash(u64le(ticketNumber));
  const atMs = BigInt(Date.now());
  appender.append({ kind: 'enter', ticketHash, ticketNumber, lane: 5, accountTag: ticketHash, atMs });
  appender.append({ kind: 'start', ticketHash, ticketNumber, atMs });
  appender.append({ kind: 'leave', ticketNumber, reason: 'finished', atMs });
  if (ticketNumber % 3n !== 0n) continue;
  await appender.flushed();
  // The database in process leaves timers no turn by itself.
  await setImmediate();
  const newest = checkpoints.newest();
  if (newest !== undefined && newest.size > served) {
    served = newest.size;
    stdout.write(`served ${JSON.stringify(newest.note)}\n`);
  }
  stdout.write(`flushed ${appender.tip().size}\n`);
}
