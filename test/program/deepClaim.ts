import { buildReport, ZERO_HASH } from '@karmesh/sdk/protocol';
import { makeReport, sendClaim, settlement, toFinalised } from './epochSteps.ts';
import { namedHash } from './keys.ts';
import type { LiteSvmLedger } from './ledger/liteSvmLedger.ts';
import { buildWorld, type Member, must, startWorld, type World } from './world.ts';

/** A claim shows a path of at most so many levels. */
const DEPTH = 20;
/** Where Config counts participants. */
const PARTICIPANT_COUNT = 120;

/** A worker ready to claim under a report of 2^20 participants, of whom Config is made to know; `claim` sends it. */
export async function deepClaim(ledger: LiteSvmLedger): Promise<{
  readonly world: World<LiteSvmLedger>;
  claim(world: World): Promise<unknown>;
}> {
  const world = await buildWorld(ledger);
  await startWorld(world);
  const [worker] = world.workers as [Member];
  const config = await must(ledger.account(world.addresses.config));
  const data = Uint8Array.from(config.data);
  new DataView(data.buffer).setUint32(PARTICIPANT_COUNT, 2 ** DEPTH, true);
  ledger.setAccount({ ...config, data, owner: ledger.programId });

  const settlements = [settlement(world, 1_000_000n)];
  const small = await makeReport(world, {
    epoch: 0n,
    earned: new Map([[worker, { karma: [300_000n, 4_000n, 5_000n, 150_000n, 6_000n], owed: 500_000n }]]),
    settlements,
  });
  const last = {
    index: 2 ** DEPTH - 1,
    participant: namedHash('last'),
    karma: [1n, 0n, 0n, 0n, 0n],
    owed: 0n,
  } as const;
  const lifetimes = [...small.lifetimes, last];
  const result = {
    lifetimes,
    settlements,
    escrowDebits: [],
    carried: [],
    credits: new Map(),
    decisions: new Map(),
  };
  const built = {
    epoch: 0n,
    ...buildReport(world.domain, { epoch: 0n, result, priorRoot: ZERO_HASH }),
    lifetimes,
    settlements,
  };
  await toFinalised(world, built);
  return { world, claim: (of) => sendClaim(of, built, worker) };
}
