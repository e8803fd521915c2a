import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Namespaces, openNamespaces, spawnCommand, whyNoNamespaces } from '../../harness/namespaces.ts';
import { type BenchReport, type BenchRow, benchRow, loadNow, median } from '../report.ts';
import { capacityRows } from './capacity.ts';
import type { PeersArguments, PeersReport, ToPeers } from './messages.ts';

const SCRIPT = fileURLToPath(new URL('./peers.ts', import.meta.url));
const MESHES = [
  { peers: 20, perProcess: 1 },
  { peers: 50, perProcess: 5 },
  { peers: 100, perProcess: 5 },
] as const;
const CAPACITY = 'capacity';
const RATES = [100, 200] as const;
const PUBLISH_SECONDS = 5;
const MESSAGE_BYTES = 200;
/** How long everything may take to arrive after the last was published, in milliseconds. How long it did take is the latency's matter. */
const ARRIVE_MS = 20_000;
const KNOW_MS = 60_000;
/** Until everybody has its links, in milliseconds. */
const SETTLE_MS = 6_000;
const NOTICE_MS = 10_000;

/** What recipes measured with libp2p as it comes, 20 processes on two cores: bootstrap, DHT and dial on discovery; StrictNoSign gossip. */
const LIBP2P = { knowMs: 7_000, p50Ms: 2.5, deadMs: 400, frozenMs: 12_500, bytes: 161 * 2 ** 20 } as const;

interface Talk {
  readonly talk: (line: string) => void;
}

interface Mesh {
  readonly peers: number;
  readonly perProcess: number;
}

type State = Extract<PeersReport, { kind: 'state' }>;

interface PeersProcess {
  readonly child: ChildProcess;
  readonly reports: PeersReport[];
  readonly listening: Promise<Extract<PeersReport, { kind: 'listening' }>>;
  /** The next report of its kind. */
  next<K extends PeersReport['kind']>(kind: K): Promise<Extract<PeersReport, { kind: K }>>;
}

/**
 * Meshes of 20, 50 and 100 peers in network namespaces of their own: knowing each other, gossip, death and frost, memory. A setting
 * such as `20x5` asks for one mesh alone: 20 peers as processes of five; `capacity` for what is left when workers die.
 */
export async function run({ talk, settings }: Talk & { readonly settings: readonly string[] }): Promise<BenchReport> {
  const meshes = settings.length === 0 ? MESHES : settings.filter((setting) => setting !== CAPACITY).map(meshOf);
  const why = await whyNoNamespaces();
  if (why !== undefined)
    throw new Error(`${why}. This bench needs the right to make them (root, or CAP_SYS_ADMIN and CAP_NET_ADMIN).`);
  const before = loadNow();
  await warmUp();
  const rows: BenchRow[] = [];
  for (const mesh of meshes) rows.push(...(await measureMesh(mesh, { talk })));
  if (settings.length === 0 || settings.includes(CAPACITY)) rows.push(...(await capacityRows({ talk })));
  return { bench: 'mesh', load: `${before} before, ${loadNow()} after`, rows };
}

/** Two peers meet and part, so that later processes find the code compiled, as programs do on a machine that has run them before. */
async function warmUp(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await openNamespaces(2));
  const first = startPeers(stack, network, { index: 0, count: 1, total: 2, bootstrap: [] });
  const { addresses } = await first.listening;
  const second = startPeers(stack, network, { index: 1, count: 1, total: 2, bootstrap: addresses });
  await until(KNOW_MS, () => reportsOf([first, second], 'knows').length === 2);
  await Promise.all([first, second].map(ended));
}

function startPeers(
  stack: AsyncDisposableStack,
  network: Namespaces,
  { index, ...peers }: Omit<PeersArguments, 'address'> & { readonly index: number },
): PeersProcess {
  const args: PeersArguments = { address: network.addresses[index] ?? '', ...peers };
  const program = [process.execPath, '--disable-warning=ExperimentalWarning', SCRIPT, JSON.stringify(args)];
  const started = peersProcess(spawnCommand(network.command(index, program)));
  stack.defer(() => killed(started));
  return started;
}

function meshOf(setting: string): Mesh {
  const [, peers, perProcess] = /^(\d+)x(\d+)$/.exec(setting) ?? [];
  const mesh = { peers: Number(peers), perProcess: Number(perProcess) };
  if (!(mesh.peers >= 3 * mesh.perProcess && mesh.perProcess > 0 && mesh.peers % mesh.perProcess === 0))
    throw new Error(`${setting} is no mesh: PEERSxPEERS_IN_A_PROCESS, in three processes or more.`);
  return mesh;
}

async function measureMesh({ peers, perProcess }: Mesh, { talk }: Talk): Promise<readonly BenchRow[]> {
  const processCount = peers / perProcess;
  talk(`${peers} peers in ${processCount} processes, each process in a namespace …`);
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await openNamespaces(processCount));
  const start = (index: number, bootstrap: readonly string[]): PeersProcess =>
    startPeers(stack, network, { index, count: perProcess, total: peers, bootstrap });
  const first = start(0, []);
  const { addresses } = await first.listening;
  const all = [first, ...Array.from({ length: processCount - 1 }, (_, i) => start(i + 1, addresses))];
  const listening = await Promise.all(all.map((each) => each.listening));
  const lastMs = Math.max(...listening.map(({ atMs }) => atMs));
  const known = await until(KNOW_MS, () => reportsOf(all, 'knows').length === peers);
  const knowing = reportsOf(all, 'knows');
  const knowMs = known ? Math.max(0, Math.max(...knowing.map(({ atMs }) => atMs)) - lastMs) : Number.POSITIVE_INFINITY;
  const rows: BenchRow[] = [
    benchRow({
      what: `${peers} peers: all know all after the last listens (${knowing.length} do)`,
      ours: knowMs,
      rivalName: peers === 20 ? 'libp2p with DHT, one of two runs' : 'aim at 20 peers',
      rival: peers === 20 ? LIBP2P.knowMs : 3_000,
      unit: 'ms',
      ...(peers === 20 ? { atMost: Number((3_000 / LIBP2P.knowMs).toFixed(3)) } : {}),
    }),
  ];
  await pause(SETTLE_MS);
  for (const rate of RATES) {
    const messages = (rate * PUBLISH_SECONDS) / processCount;
    const idleMs = cpuOf(await statesOf(all));
    tell(all, { kind: 'publish', messages, everyMs: (1_000 * processCount) / rate, bytes: MESSAGE_BYTES });
    const expected = messages * processCount * (peers - 1);
    await pause(PUBLISH_SECONDS * 1_000);
    const after = await arrived(all, expected);
    const latencies = after.flatMap((state) => state.latencies).sort((a, b) => a - b);
    talk(`  ${((1_000 * (cpuOf(after) - idleMs)) / latencies.length).toFixed(0)} us of processor a delivery`);
    rows.push(
      benchRow({
        what: `${peers} peers: delivered at ${rate} messages/s`,
        ours: (100 * latencies.length) / expected,
        rivalName: 'all',
        rival: 100,
        unit: '%',
        atLeast: 1,
      }),
      benchRow({
        what: `${peers} peers: median latency at ${rate} messages/s (99 %: ${(latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN).toFixed(0)} ms)`,
        ours: median(latencies),
        rivalName: 'libp2p unsigned, 20 peers in 4 processes',
        rival: LIBP2P.p50Ms,
        unit: 'ms',
      }),
    );
  }
  const states = await statesOf(all);
  const memory = states.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / peers;
  for (const [signal, rivalMs] of [
    ['SIGKILL', LIBP2P.deadMs],
    ['SIGSTOP', LIBP2P.frozenMs],
  ] as const) {
    rows.push(await noticed(all, { signal, rivalMs, peers }));
  }
  rows.push(
    benchRow({
      what: `${peers} peers: memory a peer (${perProcess} in a process)`,
      ours: memory / 2 ** 20,
      rivalName: 'libp2p, one in a process',
      rival: LIBP2P.bytes / 2 ** 20,
      unit: 'MiB',
    }),
  );
  return rows;
}

/** Ends or freezes the last process that is left, and waits until everybody who was linked with one of its peers has lost it. */
async function noticed(
  all: PeersProcess[],
  {
    signal,
    rivalMs,
    peers,
  }: { readonly signal: 'SIGKILL' | 'SIGSTOP'; readonly rivalMs: number; readonly peers: number },
): Promise<BenchRow> {
  const victim = all.pop();
  const victimState = victim === undefined ? undefined : await stateOf(victim);
  if (victim === undefined || victimState === undefined) throw new Error('Nobody is left.');
  const gone = new Set(victimState.identities);
  const links = (await statesOf(all)).flatMap((state) => state.links).filter(([, whom]) => gone.has(whom));
  const atMs = Number(process.hrtime.bigint()) / 1e6;
  process.kill(victim.child.pid ?? 0, signal);
  const losses = () => reportsOf(all, 'lost').filter(({ whom, atMs: when }) => gone.has(whom) && when >= atMs);
  await until(NOTICE_MS, () => new Set(losses().map(({ by, whom }) => by + whom)).size >= links.length);
  const count = new Set(losses().map(({ by, whom }) => by + whom)).size;
  const lastMs =
    count < links.length ? Number.POSITIVE_INFINITY : Math.max(...losses().map((loss) => loss.atMs)) - atMs;
  return benchRow({
    what: `${peers} peers: ${signal === 'SIGKILL' ? 'dead' : 'frozen'} peers noticed by all ${links.length} who were linked`,
    ours: lastMs,
    rivalName: signal === 'SIGKILL' ? 'libp2p' : 'libp2p with its monitor',
    rival: rivalMs,
    unit: 'ms',
    atMost: Number((2_000 / rivalMs).toFixed(3)),
  });
}

function peersProcess(child: ChildProcess): PeersProcess {
  const reports: PeersReport[] = [];
  const waiting: { readonly kind: string; readonly resolve: (report: never) => void }[] = [];
  child.on('message', (message) => {
    const report = message as PeersReport;
    reports.push(report);
    const index = waiting.findIndex(({ kind }) => kind === report.kind);
    if (index >= 0) waiting.splice(index, 1)[0]?.resolve(report as never);
  });
  const next: PeersProcess['next'] = (kind) => new Promise((resolve) => waiting.push({ kind, resolve }));
  return { child, reports, next, listening: next('listening') };
}

/** Lets a process end by itself. */
async function ended({ child }: PeersProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.disconnect();
  await gone;
}

async function killed({ child }: PeersProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function tell(all: readonly PeersProcess[], message: ToPeers): void {
  for (const { child } of all) child.send(message);
}

function stateOf(one: PeersProcess): Promise<State> {
  const state = one.next('state');
  tell([one], { kind: 'state' });
  return state;
}

function statesOf(all: readonly PeersProcess[]): Promise<readonly State[]> {
  return Promise.all(all.map(stateOf));
}

/** What everybody has heard once it is all that was sent, or the time for that is over. */
async function arrived(all: readonly PeersProcess[], expected: number): Promise<readonly State[]> {
  const end = Date.now() + ARRIVE_MS;
  for (;;) {
    await pause(1_000);
    const counts = Promise.all(all.map((each) => each.next('heard')));
    tell(all, { kind: 'heard' });
    const heard = (await counts).reduce((sum, { count }) => sum + count, 0);
    if (heard >= expected || Date.now() > end) return statesOf(all);
  }
}

/** Milliseconds of processor that all processes have used. */
function cpuOf(states: readonly State[]): number {
  return states.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

function reportsOf<K extends PeersReport['kind']>(
  all: readonly PeersProcess[],
  kind: K,
): readonly Extract<PeersReport, { kind: K }>[] {
  return all.flatMap(({ reports }) =>
    reports.filter((report): report is Extract<PeersReport, { kind: K }> => report.kind === kind),
  );
}

async function until(ms: number, holds: () => boolean): Promise<boolean> {
  const end = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > end) return false;
    await pause(20);
  }
  return true;
}
