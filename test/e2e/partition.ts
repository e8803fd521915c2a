import { setTimeout as pause } from 'node:timers/promises';
import type { Gateway } from '@karmesh/sdk/client';
import { EPOCH_STATE } from '@karmesh/sdk/program';
import { type Answered, askOnce, askUntilAnswered, findUnpaid } from '../harness/answers.ts';
import { openCuts } from '../harness/cuts/openCuts.ts';
import { startTestMarket, type TestMarket } from '../harness/market.ts';
import { startSecondGateway } from '../harness/secondGateway.ts';

/** When the market is cut: while an epoch is open, or once the chain shows one in a state. */
export type CutAt = 'open' | keyof typeof EPOCH_STATE;

/** Longer than it takes to give up who is silent, and than an epoch's phases. */
const CUT_MS = 8_000;
const REACH_MS = 60_000;
const POLL_MS = 50;
/** How many epochs behind the open one are looked at. */
const BEHIND = 12n;

export interface PartitionResult {
  /** Of every request that was made while the market was cut. */
  readonly whileCut: readonly string[];
  /** Times that a drawn worker was not reached by then: the other half's. */
  readonly unreached: number;
  readonly wrong: readonly string[];
  readonly unpaid: readonly string[];
  readonly answers: number;
}

/**
 * Cuts a market into halves, each with a gateway, two validators and workers enough for a quorum, and heals it, once at each of the given
 * times. Both halves sell meanwhile, and neither can close an epoch. In the end every answer has to be final and paid once.
 */
export async function runPartitions(
  times: readonly CutAt[],
  { signal, print }: { readonly signal: AbortSignal; readonly print: (line: string) => void },
): Promise<PartitionResult> {
  await using cuts = await openCuts();
  await using market = await startTestMarket({ workers: 5, validators: 4 }, { signal });
  await using second = await startSecondGateway(market, { signal });
  const { workers, validators, processes, gateway } = market.running;
  const [, firstGateway] = processes;
  if (firstGateway === undefined) throw new RangeError('A market has a gateway.');
  const sides = [
    [firstGateway, ...workers.slice(0, 3), ...validators.slice(0, 2)],
    [second.child, ...workers.slice(3), ...validators.slice(2)],
  ];
  const gateways = [gateway, second.gateway] as const;
  const answers: Answered[] = [];
  const whileCut: string[] = [];
  let unreached = 0;
  const ask = async (one: Gateway): Promise<string> => {
    const answered = await askOnce(one, { signal });
    if (typeof answered === 'string') return answered;
    answers.push(answered);
    unreached += answered.timedOut;
    return 'answered';
  };
  for (const one of gateways) answers.push(await askUntilAnswered(one, { signal }));
  for (const time of times) {
    await reached(market, { time, signal });
    await cuts.cut(...sides);
    const until = Date.now() + CUT_MS;
    const outcomes = await Promise.all(
      gateways.map(async (one) => {
        const each: string[] = [];
        while (Date.now() < until) each.push(await ask(one));
        return each;
      }),
    );
    await cuts.heal();
    const healedMs = Date.now();
    for (const one of gateways) {
      const answered = await askUntilAnswered(one, { signal });
      answers.push(answered);
      // One cut after the other: what is behind is settled before the next.
      await market.final(answered.requestId, { gateway: one, signal });
    }
    whileCut.push(...outcomes.flat());
    print(
      `${time.padEnd(10)} ${outcomes.map((each) => `${each.length} asked`).join(', ')}; all final after ${((Date.now() - healedMs) / 1_000).toFixed(1)} s`,
    );
  }
  const [first] = answers;
  return {
    whileCut,
    unreached,
    wrong: answers.filter(({ text }) => text !== first?.text).map(({ requestId, text }) => `${requestId}: ${text}`),
    unpaid: await findUnpaid(market, { answers, all: true, signal }),
    answers: answers.length,
  };
}

async function reached(
  { running: { client }, slotMs, cluster }: TestMarket,
  { time, signal }: { readonly time: CutAt; readonly signal: AbortSignal },
): Promise<void> {
  if (time === 'open') return;
  const until = Date.now() + REACH_MS;
  while (Date.now() < until) {
    const { epochZeroSlot } = await client.checkCluster({ signal });
    const slot = BigInt(await client.connection.getSlot('confirmed'));
    const open = (slot - epochZeroSlot) / cluster.chain.slotsPerEpoch;
    for (let behind = 1n; behind <= BEHIND && behind <= open; behind++) {
      const epoch = await client.epoch(open - behind, { signal });
      if (epoch?.state === EPOCH_STATE[time]) return;
    }
    await pause(Math.min(POLL_MS, slotMs), undefined, { signal });
  }
  throw new Error(`No epoch was seen ${time}.`);
}
