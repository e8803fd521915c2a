import { candidateGroup, drawSeed, drawWorkers, type Entry, hash, u64le } from '@karmesh/sdk/protocol';
import type { MarketEvent } from '../../web/gateway/market.ts';
import { question, type TestMarket, testMarket } from '../../web/gateway/scheduler/fixtures/testMarket.ts';
import type { TestWorker } from '../../web/gateway/scheduler/fixtures/testWorker.ts';
import { hashChain } from '../../web/gateway/scheduler/hashChain.ts';
import type { Scheduler } from '../../web/gateway/scheduler/scheduler.ts';
import { lastDispatch } from '../../web/gateway/store/dispatches.ts';

/** What the buyer got of one request, and the entry that the gateway made of it. */
export interface Asked {
  readonly text: string;
  /** What became of the drawn workers, in the order of the draw. */
  readonly outcomes: readonly string[];
  readonly entry: Entry;
}

/** The real scheduler with eight workers of the fixture, whose next draw a test can know. */
export interface GatewayAtWork extends AsyncDisposable {
  readonly market: TestMarket;
  /** The workers that the next dispatch will draw, in order. */
  nextDraw(): Promise<readonly TestWorker[]>;
  ask(): Promise<Asked>;
}

export async function gatewayAtWork(): Promise<GatewayAtWork> {
  await using stack = new AsyncDisposableStack();
  const market = stack.use(await testMarket({ workers: 8 }));
  const scheduler: Scheduler = stack.use(await market.open());
  const owned = stack.move();
  return {
    market,
    async nextDraw() {
      const epoch = 0n;
      const dispatchNumber = ((await lastDispatch(market.database.db, epoch))?.value.dispatchNumber ?? 0n) + 1n;
      const [account] = market.chain.workers();
      if (account === undefined) throw new RangeError('The market has workers.');
      const { candidates } = candidateGroup(
        market.chain.workers(),
        { epoch, engineClass: account.engineClass, modelId: question('quorum').model.modelId },
        { weightFloor: 1_000_000n, weightCap: 9_000_000n },
      );
      const preimage = hashChain({ secret: hash(u64le(epoch)), length: 300 }).preimage(dispatchNumber);
      const seed = drawSeed({ slotHash: hash(u64le(market.state.slot)), preimage, dispatchNumber });
      return drawWorkers({ seed, candidates }).map(({ participant }) => market.workerOf(participant));
    },
    async ask() {
      const events: readonly MarketEvent[] = await market.collect(scheduler, question('quorum'));
      const done = events.at(-1);
      const entry = market.entries.at(-1);
      if (done?.kind !== 'done' || entry === undefined) throw new RangeError('The request did not end.');
      return {
        text: events.map((event) => (event.kind === 'text' ? event.text : '')).join(''),
        outcomes: done.summary.workers.map(({ outcome }) => outcome),
        entry,
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
