import { setTimeout as pause } from 'node:timers/promises';
import type { Gateway } from '@karmesh/sdk/client';
import { Keypair } from '@solana/web3.js';
import type { Child } from '../../programs/localnet/src/up/child.ts';
import { type Answered, askOnce, askUntilAnswered, findUnpaid } from '../harness/answers.ts';
import { type Fault, type FaultSignal, type Faults, openFaults } from '../harness/faults/openFaults.ts';
import { startTestMarket, type TestMarket } from '../harness/market.ts';
import { type Restarter, restarter } from '../harness/restart.ts';

const WORKERS = 5;
const VALIDATORS = 4;
/** Longer than it takes a peer to be given up for frozen. */
const FREEZE_MS = 3_000;
/** How long a stage may take to be reached: some come once an epoch. */
const REACH_MS = 90_000;

const STAGES: Readonly<Record<Fault['program'], readonly string[]>> = {
  gateway: ['ticketed', 'dispatched', 'first-text', 'decided', 'entered', 'answered', 'batched', 'gossiped'],
  worker: ['asked', 'accepted', 'first-token', 'sealed', 'recorded', 'revealed'],
  validator: [
    ...['close:due', 'close:done', 'attest:due', 'attestation:bound', 'attest:done', 'revealSalt:due'],
    ...['recordBeacon:due', 'audit:due', 'postVerdicts:due', 'seal:due', 'root:bound', 'seal:done'],
    ...['revealRoot:due', 'settle:due', 'finalise:due', 'finalise:done', 'claim:due'],
  ],
  localnet: ['executed', 'durable'],
};

/** Every role at every stage of a request and of an epoch, killed and frozen. */
export const ALL_CELLS: readonly Fault[] = (['SIGKILL', 'SIGSTOP'] as const).flatMap((signal: FaultSignal) =>
  (['worker', 'gateway', 'localnet', 'validator'] as const).flatMap((program) =>
    STAGES[program].map((stage) => ({ program, stage, signal })),
  ),
);

/** What became of the request during which the fault fired. */
interface CellResult {
  readonly fault: Fault;
  /** `answered`, or why not. */
  readonly outcome: string;
  /** Milliseconds from the fault to the next answer. */
  readonly backMs: number;
}

interface MatrixResult {
  readonly cells: readonly CellResult[];
  /** Answers whose text was not the one that was given before any fault. */
  readonly wrong: readonly string[];
  /** Answers whose receipts did not come to stand in a final root as the buyer was told. */
  readonly lost: readonly string[];
  /** Transfers that were confirmed and are no more. */
  readonly lostTransfers: number;
  readonly answers: number;
}

/**
 * Runs one market through the cells, one after the other: arms the fault, asks, waits until some process of the program has taken it, starts a killed
 * process again or lets a frozen one go on, asks again. In the end every answer that a buyer was given has to be final and paid.
 */
export async function runKillMatrix(
  cells: readonly Fault[],
  { signal, print }: { readonly signal: AbortSignal; readonly print: (line: string) => void },
): Promise<MatrixResult> {
  await using faults = await openFaults();
  await using market = await startTestMarket({ workers: WORKERS, validators: VALIDATORS }, { signal });
  await using again = restarter(market, { signal });
  const { client, gateway } = market.running;
  const people = everybody(market, again);
  const first = await askUntilAnswered(gateway, { signal });
  const answers: Answered[] = [first];
  const transfers: Keypair[] = [];
  const results: CellResult[] = [];
  for (const fault of cells) {
    await faults.arm(fault);
    const before = answers.length;
    const transfer = Keypair.generate();
    const [asked, transferred, firedAtMs] = await Promise.all([
      askOnce(gateway, { signal }),
      client.connection.requestAirdrop(transfer.publicKey, 1_000_000).then(
        (signature) => confirmed(client.connection, signature, signal),
        () => false,
      ),
      takeFault({ faults, fault, people, gateway, answers, signal }),
    ]);
    if (typeof asked !== 'string') answers.push(asked);
    if (transferred) transfers.push(transfer);
    answers.push(await askUntilAnswered(gateway, { signal }));
    const outcome = typeof asked === 'string' ? asked : 'answered';
    const result = { fault, outcome, backMs: Date.now() - firedAtMs };
    results.push(result);
    print(
      `${rowOf(result)}  ${answers
        .slice(before)
        .map(({ requestId }) => requestId.slice(0, 8))
        .join(' ')}`,
    );
  }
  const wrong = answers.filter(({ text }) => text !== first.text).map(({ requestId, text }) => `${requestId}: ${text}`);
  const lost = await findUnpaid(market, { answers, signal });
  const balances = await Promise.all(transfers.map(({ publicKey }) => client.connection.getBalance(publicKey)));
  return {
    cells: results,
    wrong,
    lost,
    lostTransfers: balances.filter((lamports) => lamports !== 1_000_000).length,
    answers: answers.length,
  };
}

function rowOf({ fault, outcome, backMs }: CellResult): string {
  const { program, stage, signal } = fault;
  return `${signal.padEnd(8)} ${program.padEnd(10)} ${stage.padEnd(18)} ${outcome.padEnd(34)} ${(backMs / 1000).toFixed(1).padStart(6)} s`;
}

interface Running {
  child: Child;
  readonly restart: () => Promise<Child>;
}

/** The processes as they are now, each with the way to start it again. */
function everybody(market: TestMarket, again: Restarter): readonly Running[] {
  const { processes, workers, validators } = market.running;
  const [cluster, gateway] = processes;
  if (cluster === undefined || gateway === undefined) throw new RangeError('A market has a cluster and a gateway.');
  return [
    { child: cluster, restart: again.cluster },
    { child: gateway, restart: again.gateway },
    ...workers.map((child, index) => ({ child, restart: () => again.worker(index) })),
    ...validators.map((child, index) => ({ child, restart: () => again.validator(index) })),
  ];
}

/** Waits until the fault has fired, asking on so that there is something to do, and puts the process back. Resolves with when it fired. */
async function takeFault(options: {
  readonly faults: Faults;
  readonly fault: Fault;
  readonly people: readonly Running[];
  readonly gateway: Gateway;
  readonly answers: Answered[];
  readonly signal: AbortSignal;
}): Promise<number> {
  const { faults, fault, people, signal } = options;
  const until = Date.now() + REACH_MS;
  let nextAskMs = Date.now() + 4_000;
  for (;;) {
    const pid = await faults.fired();
    if (pid !== undefined) {
      const firedAtMs = Date.now();
      const hit = people.find(({ child }) => child.pid === pid);
      if (hit === undefined) throw new Error(`A process that the market does not know took ${rowOfFault(fault)}.`);
      if (fault.signal === 'SIGKILL') {
        await hit.child.ended;
        hit.child = await hit.restart();
      } else {
        await pause(FREEZE_MS, undefined, { signal });
        process.kill(pid, 'SIGCONT');
      }
      return firedAtMs;
    }
    if (Date.now() > until) throw new Error(`Nobody reached ${rowOfFault(fault)}.`);
    if (Date.now() > nextAskMs) {
      nextAskMs = Date.now() + 4_000;
      const asked = await askOnce(options.gateway, { signal });
      if (typeof asked !== 'string') options.answers.push(asked);
    }
    await pause(50, undefined, { signal });
  }
}

function rowOfFault({ program, stage, signal }: Fault): string {
  return `${signal} of ${program} at ${stage}`;
}

async function confirmed(
  connection: TestMarket['running']['client']['connection'],
  signature: string,
  signal: AbortSignal,
): Promise<boolean> {
  for (let tries = 0; tries < 50; tries++) {
    const status = await connection.getSignatureStatus(signature).catch(() => undefined);
    if (status?.value?.confirmationStatus !== undefined) return status.value.err === null;
    await pause(100, undefined, { signal });
  }
  return false;
}
