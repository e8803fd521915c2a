import {
  closeChain,
  closeEpochAccount,
  commitChain,
  openEscrow,
  registerGateway,
  registerWorker,
} from '@karmesh/sdk/program';
import type { KarmaVector, Settlement } from '@karmesh/sdk/protocol';
import { makeReport, sendClaim, sendCloseVote, toFinalised } from '../../program/epochSteps.ts';
import { namedHash, namedKey } from '../../program/keys.ts';
import type { LiteSvmLedger } from '../../program/ledger/liteSvmLedger.ts';
import {
  buildWorld,
  ENGINE_CLASS,
  firstSlot,
  type Member,
  MODEL,
  member,
  readConfig,
  readEpoch,
  SOL,
  startWorld,
  type World,
} from '../../program/world.ts';
import { feeMeter, NOTHING, type Spent, together } from './feeMeter.ts';

/** A market large enough for a million receipts an epoch: a gateway's chain has 65,536 numbers. */
export const MARKET = { workers: 10_000, validators: 32, gateways: 8, escrowsPerGateway: 64 };

/** Of an epoch that is over: every worker that earned something claimed, and every account that can be ended was. */
export interface EpochCost {
  readonly receipts: number;
  readonly claims: number;
  readonly spent: Spent;
  readonly byInstruction: ReadonlyMap<string, Spent>;
}

/**
 * What epochs of so many receipts cost everybody together on the real program: committing chains, closing, voting, settling every
 * escrow, claiming for every worker that earned, closing votes. The chain sees roots alone, so that the receipts themselves are
 * only a number here.
 */
export async function epochCosts(
  ledger: LiteSvmLedger,
  sizes: readonly number[],
  talk: (line: string) => void,
): Promise<readonly EpochCost[]> {
  const meter = feeMeter(ledger);
  const world = await buildWorld(meter.ledger, { stakes: Array.from({ length: MARKET.validators }, () => 2n) });
  await ledger.fund(world.operator.publicKey, 100_000n * SOL);
  talk(`Registering ${MARKET.workers} workers …`);
  const workers = await manyWorkers(world);
  const gateways = await manyGateways(world);
  const escrows = await manyEscrows(world, gateways);
  await startWorld(world);
  const lifetimes = new Map(workers.map((worker) => [worker, { karma: NO_KARMA, owed: 0n }]));
  const settled = new Map<Uint8Array, bigint>(escrows.map((escrow) => [escrow, 0n]));
  const costs: EpochCost[] = [];
  let priorRoot: Uint8Array | undefined;

  for (const receipts of sizes) {
    meter.take();
    const epoch = await nextEpoch(world);
    talk(`An epoch of ${receipts} receipts …`);
    for (const gateway of gateways) {
      const chain = { identity: gateway.identity.publicKey, gateway: gateway.address, epoch };
      const commitment = namedHash(`chain ${epoch}`);
      await world.ledger.send(
        [commitChain(world.addresses, { ...chain, commitment, length: 65_536 })],
        [gateway.identity],
      );
    }
    const earning = workers.slice(0, receipts);
    for (const worker of earning) {
      const { karma, owed } = lifetimes.get(worker) ?? { karma: NO_KARMA, owed: 0n };
      lifetimes.set(worker, { karma: [karma[0] + 10n, 0n, 0n, karma[3] + 5n, 0n], owed: owed + OWED });
    }
    // Of what settles, four fifths may be owed (M-04).
    const debit = (BigInt(earning.length) * OWED * 5n) / 4n / BigInt(escrows.length) + 1n;
    const settlements = escrows.map((escrow): Settlement => {
      const cumulativeAfter = (settled.get(escrow) ?? 0n) + debit;
      settled.set(escrow, cumulativeAfter);
      return { escrow, cumulativeAfter, debit };
    });
    const made = { epoch, earned: lifetimes, settlements, ...(priorRoot === undefined ? {} : { priorRoot }) };
    const built = await makeReport(world, made);
    await toFinalised(world, built);
    for (const worker of earning) await sendClaim(world, built, worker);
    for (const validator of world.validators) await sendCloseVote(world, validator, epoch);
    // Sixty-four epochs later what was made for this one comes home.
    await world.ledger.untilSlot(await firstSlot(world, epoch + KEPT));
    const later = { epoch: await nextEpoch(world), earned: lifetimes, priorRoot: built.report.root };
    const paid = meter.take();
    const follower = await makeReport(world, later);
    await toFinalised(world, follower);
    meter.take();
    const { payer } = await readEpoch(world, epoch);
    await world.ledger.send([closeEpochAccount(world.addresses, { epoch, payer })], [world.operator]);
    for (const { address, owner } of gateways) {
      const chain = { gateway: address, owner: owner.publicKey, epoch };
      await world.ledger.send([closeChain(world.addresses, chain)], [world.operator]);
    }
    priorRoot = follower.report.root;
    const byInstruction = new Map([...paid, ...meter.take()]);
    const spent = [...byInstruction.values()].reduce(together, NOTHING);
    costs.push({ receipts, claims: earning.length, spent, byInstruction });
  }
  return costs;
}

/** Epochs for which the chain answers for what it holds of one. */
const KEPT = 64n;

async function nextEpoch(world: World): Promise<bigint> {
  const { epochZeroSlot } = await readConfig(world);
  return ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch + 1n;
}

const NO_KARMA: KarmaVector = [0n, 0n, 0n, 0n, 0n];
const OWED = 1_000n;

/** They share an owner, who is paid by every claim. */
async function manyWorkers({ ledger, addresses, operator }: World): Promise<readonly Member[]> {
  const workers = Array.from({ length: MARKET.workers }, (_, i) => member(addresses, `bench worker ${i}`, operator));
  for (const { identity } of workers) {
    const duty = { owner: operator.publicKey, identity: identity.publicKey, bond: SOL };
    await ledger.send(
      [registerWorker(addresses, { ...duty, engineClass: ENGINE_CLASS, models: [MODEL] })],
      [operator, identity],
    );
  }
  return workers;
}

async function manyGateways({ ledger, addresses, operator }: World): Promise<readonly Member[]> {
  const gateways = Array.from({ length: MARKET.gateways }, (_, i) => member(addresses, `bench gateway ${i}`, operator));
  for (const { identity } of gateways) {
    await ledger.fund(identity.publicKey, SOL);
    const duty = { owner: operator.publicKey, identity: identity.publicKey, bond: 3n * SOL };
    await ledger.send([registerGateway(addresses, duty)], [operator, identity]);
  }
  return gateways;
}

/** Every escrow of the market, sorted as a tree of settlements is. */
async function manyEscrows({ ledger, addresses }: World, gateways: readonly Member[]): Promise<readonly Uint8Array[]> {
  const escrows: Uint8Array[] = [];
  for (let i = 0; i < MARKET.escrowsPerGateway; i++) {
    const buyer = namedKey(`bench buyer ${i}`);
    await ledger.fund(buyer.publicKey, 100n * SOL);
    for (const gateway of gateways) {
      const opening = { buyer: buyer.publicKey, gateway: gateway.address, amount: SOL };
      await ledger.send([openEscrow(addresses, opening)], [buyer]);
      escrows.push(addresses.escrow(gateway.address, buyer.publicKey));
    }
  }
  return escrows.sort(Buffer.compare);
}
