import { once } from 'node:events';
import { join } from 'node:path';
import { REPLICAS } from '@karmesh/sdk/protocol';
import { hasPostgres, startPostgres } from '../../../web/gateway/store/fixtures/startPostgres.ts';
import { installLitellm, LITELLM_KEY, LITELLM_VERSION, startLitellm } from './litellm.ts';
import { cpuMsOf, MEASURED, OTHERS, type PinnedProcess, startProgram } from './pinnedProcess.ts';

/** Who answers the bench's client. */
export type Contender = {
  readonly name: string;
  /** With `/v1`. */
  readonly url: string;
  readonly key: string;
  readonly process: PinnedProcess;
};

export type Contenders = {
  /** The upstream itself, asked directly: what latency is added to. */
  readonly upstream: Contender;
  readonly bare: Contender;
  /** The gateway without a market. */
  readonly http: Contender;
  readonly whole: Contender;
  /** Why it could not be measured, where it could not. */
  readonly litellm: Contender | { readonly reason: string };
  /** Both gateways' database, if it is a process of its own, and the whole gateway's workers: their processor time so far, in milliseconds. */
  readonly database: (() => Promise<number>) | undefined;
  readonly workers: () => Promise<number>;
};

const KEY = 'sk-bench';
type Listening = { readonly url: string };

/** Starts all that answer, each in a process of its own on the measured processor, and the upstream and three workers on the other one. */
export async function startContenders(
  stack: AsyncDisposableStack,
  options: { readonly folder: string; readonly embedded: boolean; readonly talk: (line: string) => void },
): Promise<Contenders> {
  const { folder, talk } = options;
  const logFile = (name: string): string => join(folder, `${name}.log`);
  const program = <Ready>(name: string, processor: number, args: readonly string[] = [], log = name) =>
    startProgram<Ready>(stack, { name, args, processor, logFile: logFile(log) });
  const mock = await program<Listening>('mockUpstream', OTHERS);
  const upstream = mock.ready.url;
  const bare = await program<Listening>('bareProxy', MEASURED, [upstream]);
  const databases = await openDatabases(stack, options);
  talk(
    `Starting the gateway without a market on ${databases === undefined ? 'the embedded database' : 'PostgreSQL'} …`,
  );
  const http = await program<Listening>('httpGateway', MEASURED, [
    upstream,
    join(folder, 'http'),
    databases?.urls[0] ?? '',
  ]);
  talk('Starting the whole gateway and its workers …');
  const whole = await startWhole(stack, { folder, upstream, databaseUrl: databases?.urls[1] ?? '' });
  talk(`Starting LiteLLM ${LITELLM_VERSION}, which pip fetches the first time …`);
  const installed = await installLitellm();
  const litellm =
    'reason' in installed
      ? installed
      : await startLitellm(stack, { ...installed, upstream, folder, logFile: logFile('litellm') });
  return {
    upstream: { name: 'the upstream itself', url: upstream, key: KEY, process: mock.process },
    bare: { name: 'bare Hono proxy', url: bare.ready.url, key: KEY, process: bare.process },
    http: { name: 'gateway without a market', url: http.ready.url, key: KEY, process: http.process },
    whole: { name: 'whole gateway', url: whole.url, key: KEY, process: whole.process },
    database: databases?.cpuMs,
    workers: whole.workersCpuMs,
    litellm: 'reason' in litellm ? litellm : { name: `LiteLLM ${LITELLM_VERSION}`, key: LITELLM_KEY, ...litellm },
  };
}

/** A PostgreSQL server that waits for the disk, with a database for each gateway; undefined where the embedded one is wanted, or there is no server. */
async function openDatabases(
  stack: AsyncDisposableStack,
  { embedded }: { readonly embedded: boolean },
): Promise<{ readonly urls: readonly [string, string]; readonly cpuMs: () => Promise<number> } | undefined> {
  if (embedded || !hasPostgres) return undefined;
  const server = stack.use(await startPostgres({ waitsForDisk: true }));
  const second = new URL(server.url);
  second.pathname = '/template1';
  const pid = await server.pid();
  return { urls: [server.url, second.href], cpuMs: () => cpuMsOf(pid) };
}

async function startWhole(
  stack: AsyncDisposableStack,
  options: { readonly folder: string; readonly upstream: string; readonly databaseUrl: string },
): Promise<{ readonly url: string; readonly process: PinnedProcess; readonly workersCpuMs: () => Promise<number> }> {
  const { databaseUrl, folder, upstream } = options;
  const beganMs = String(Date.now());
  const whole = await startProgram<{ readonly bootstrap: string }>(stack, {
    name: 'wholeGateway',
    args: [join(folder, 'whole'), beganMs, databaseUrl],
    processor: MEASURED,
    logFile: join(folder, 'wholeGateway.log'),
  });
  const listening = once(whole.process.child, 'message');
  const workers = await Promise.all(
    Array.from({ length: REPLICAS }, (_, place) =>
      startProgram(stack, {
        name: 'signingWorker',
        args: [String(place), upstream, whole.ready.bootstrap, beganMs, join(folder, `worker-${place}`)],
        processor: OTHERS,
        logFile: join(folder, `worker-${place}.log`),
      }),
    ),
  );
  const [{ url }] = (await listening) as [Listening];
  const workersCpuMs = async (): Promise<number> => {
    const all = await Promise.all(workers.map(({ process }) => process.cpuMs()));
    return all.reduce((sum, ms) => sum + ms, 0);
  };
  return { url, process: whole.process, workersCpuMs };
}
