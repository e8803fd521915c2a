import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../../detection/seededRandom.ts';
import { PIECES } from './answer.ts';
import { askAndLeave, type Leaving, type LeftStream } from './leave.ts';
import { type StartedProcess, startProcess } from './startProcess.ts';

export type StreamsRun = {
  readonly streams: readonly LeftStream[];
  /** How often the second gateway was killed. */
  readonly kills: number;
  /** How often the first was held up. */
  readonly stalls: number;
  /** How the gateways ended once they were told to. */
  readonly endings: readonly (number | string | null)[];
};

/** Streams at once on each gateway. */
const AT_ONCE = 12;
const RETRY_MS = 100;
const WORKERS = 3;
/** Longer than its workers take to see a peer as lost. */
const STALL_MS = 3_000;
type Gateway = StartedProcess<{ readonly url: string }>;

/**
 * Three workers and two whole gateways on one PostgreSQL database, each in a process of its own; `count` streams, most of them left at a random token; the second
 * gateway is killed with SIGKILL `kills` times in between, and started again each time; the first is stopped `stalls` times and goes on, so that its workers find it lost. Both end in peace.
 */
export async function runStreams(options: {
  readonly count: number;
  readonly kills: number;
  readonly stalls: number;
  readonly seed: number;
  readonly folder: string;
  readonly databaseUrl: string;
  readonly apiKey: string;
  readonly beganMs: number;
}): Promise<StreamsRun> {
  const { apiKey, count, databaseUrl, folder, kills, seed, stalls } = options;
  const random = seededRandom(seed);
  const beganMs = String(options.beganMs);
  const logFile = (name: string): string => join(folder, `${name}.log`);
  await using stack = new AsyncDisposableStack();

  const bootstrap: string[] = [];
  for (let place = 0; place < WORKERS; place++) {
    const name = `worker-${place}`;
    const worker = await startProcess<{ readonly address: string }>({
      name: 'workerProcess',
      args: [String(place), beganMs, join(folder, name), ...bootstrap],
      logFile: logFile(name),
    });
    stack.defer(async () => {
      await worker.end('SIGKILL');
    });
    if (place === 0) bootstrap.push(worker.ready.address);
  }
  const start = async (place: number): Promise<Gateway> =>
    startProcess({
      name: 'gatewayProcess',
      args: [String(place), beganMs, join(folder, `gateway-${place}`), databaseUrl, ...bootstrap],
      logFile: logFile(`gateway-${place}`),
    });
  const gateways = await Promise.all([start(0), start(1)]);
  stack.defer(async () => {
    for (const { child } of gateways) child.kill('SIGKILL');
  });

  const streams: LeftStream[] = [];
  let asked = 0;
  const client = async (place: number): Promise<void> => {
    while (asked < count) {
      asked += 1;
      const leaving = leavingBy(random);
      let stream: LeftStream | undefined;
      while (stream === undefined) {
        stream = await askAndLeave({ place, url: gateways[place]?.ready.url ?? '', apiKey }, leaving);
        // It has just been killed, and comes back.
        if (stream === undefined) await pause(RETRY_MS);
      }
      streams.push(stream);
    }
  };
  /** Does it `times` times, spread evenly over the streams. */
  const often = async (times: number, act: () => Promise<void>): Promise<number> => {
    for (let time = 1; time <= times; time++) {
      while (streams.length < (time * count) / (times + 1)) await pause(5);
      await act();
    }
    return times;
  };
  const killing = often(kills, async () => {
    await gateways[1]?.end('SIGKILL');
    gateways[1] = await start(1);
  });
  const stalling = often(stalls, async () => {
    gateways[0]?.child.kill('SIGSTOP');
    await pause(STALL_MS);
    gateways[0]?.child.kill('SIGCONT');
  });
  const clients = Array.from({ length: 2 * AT_ONCE }, (_, i) => client(i % 2));
  const [killed, stalled] = await Promise.all([killing, stalling, ...clients]);
  const endings = await Promise.all(gateways.map((gateway) => gateway.end('SIGTERM')));
  return { streams, kills: killed, stalls: stalled, endings };
}

/** Of ten streams one is read to its end, and three are reset. */
function leavingBy(random: () => number): Leaving {
  const sort = random();
  // From before the first byte to the last token.
  const atTokens = Math.floor(random() * (PIECES.length + 2)) - 1;
  if (sort < 0.1) return { kind: 'stays', atTokens };
  return { kind: sort < 0.4 ? 'resets' : 'ends', atTokens };
}
