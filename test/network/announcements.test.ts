import type { Announcement, CreateHostOptions, Host } from '@karmesh/sdk/network';
import { toHex } from '@karmesh/sdk/protocol';
import { generateKeypair } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { echoProtocol, openHost, serveEcho } from './openHost.ts';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const start = async (options: Partial<CreateHostOptions> = {}): Promise<Host> => stack.use(await openHost(options));
const account = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

/** The first announcement of an identity that a host accepts from now on and that fits. */
function heard(
  host: Host,
  identity: Uint8Array,
  fits: (announcement: Announcement) => boolean = () => true,
): Promise<Announcement> {
  return new Promise((resolve) => {
    const stop = host.onAnnouncement((announcement) => {
      if (toHex(announcement.identity) !== toHex(identity) || !fits(announcement)) return;
      stop();
      resolve(announcement);
    });
  });
}

test('participants that know one bootstrap peer find each other, and a stream needs an identity only', async () => {
  const meeting = await start();
  const [worker, gateway] = await Promise.all([
    start({ bootstrap: meeting.addresses() }),
    start({ bootstrap: meeting.addresses() }),
  ]);
  await serveEcho(worker);
  const found = heard(gateway, worker.identity);
  worker.announce({ role: 'worker', participant: account(1), engineClass: account(2), models: [account(3)] });
  expect(await found).toEqual({
    identity: worker.identity,
    incarnation: expect.any(BigInt),
    sequence: expect.any(BigInt),
    role: 'worker',
    participant: account(1),
    multiaddrs: worker.addresses(),
    engineClass: account(2),
    models: [account(3)],
    health: undefined,
  });
  expect(gateway.announcements().map(({ identity }) => identity)).toEqual([worker.identity]);
  const signal = AbortSignal.timeout(20_000);
  await using stream = await gateway.openStream({ peer: worker.identity, protocol: echoProtocol }, { signal });
  await stream.send(Uint8Array.of(1));
  expect(await stream.receive({ signal })).toEqual(Uint8Array.of(1));
});

test('a peer that comes later hears of those that were there before', async () => {
  const meeting = await start();
  const worker = await start({ bootstrap: meeting.addresses() });
  const early = heard(meeting, worker.identity);
  worker.announce({ role: 'worker', participant: account(1) });
  await early;
  // Those who hear of it dial it, and every new peer is told who is there.
  const late = await start({ bootstrap: meeting.addresses() });
  const found = heard(late, worker.identity);
  late.announce({ role: 'gateway', participant: account(2) });
  expect((await found).participant).toEqual(account(1));
});

test.each([
  ['', -60_000],
  [', though its clock went back by a day in between', 86_400_000],
])('N-10: a process that comes back replaces what it announced before%s', async (_, aheadMs) => {
  const meeting = await start();
  const keypair = generateKeypair();
  const first = await openHost({ keypair, bootstrap: meeting.addresses(), now: () => Date.now() + aheadMs });
  const before = heard(meeting, first.identity);
  first.announce({ role: 'worker', participant: account(1) });
  const { incarnation } = await before;
  await first[Symbol.asyncDispose]();

  const second = await start({ keypair, bootstrap: meeting.addresses() });
  const after = heard(meeting, second.identity, (announcement) => announcement.incarnation > incarnation);
  second.announce({ role: 'worker', participant: account(1) });
  expect((await after).multiaddrs).toEqual(second.addresses());
  expect(meeting.announcements().map(({ multiaddrs }) => multiaddrs)).toEqual([second.addresses()]);
});

test('N-11: how a worker is goes with every announcement, as it is then', async () => {
  const meeting = await start();
  const worker = await start({ bootstrap: meeting.addresses() });
  const health = {
    state: 'serving' as const,
    cpuPermille: 500,
    residentBytes: 1_000_000n,
    active: 0,
    waiting: 0,
    maxActive: 4,
    maxWaiting: 16,
    milliTokensPerSecond: 0n,
  };
  let active = 0;
  const offer = { role: 'worker' as const, participant: account(1), health: () => ({ ...health, active }) };
  const first = heard(meeting, worker.identity);
  worker.announce(offer);
  expect((await first).health).toEqual(health);
  active = 3;
  const late = await start({ bootstrap: meeting.addresses() });
  const busy = await heard(late, worker.identity, (announcement) => announcement.health?.active === 3);
  expect(busy.health).toEqual({ ...health, active: 3 });
});

test('an announcement that is not admitted is not kept, and one of another domain ends in a reject', async () => {
  const meeting = await start({ admit: ({ participant }) => participant[0] !== 9 });
  const [stranger, foreign, welcome] = await Promise.all([
    start({ bootstrap: meeting.addresses() }),
    start({ bootstrap: meeting.addresses(), domain: account(99) }),
    start({ bootstrap: meeting.addresses() }),
  ]);
  stranger.announce({ role: 'worker', participant: account(9) });
  foreign.announce({ role: 'worker', participant: account(1) });
  const found = heard(meeting, welcome.identity);
  welcome.announce({ role: 'validator', participant: account(2) });
  await found;
  expect(meeting.announcements().map(({ identity }) => identity)).toEqual([welcome.identity]);
});

test('who runs with the same identity elsewhere is told so', async () => {
  const keypair = generateKeypair();
  const middle = await start();
  const twins = { early: 0, late: 0 };
  const early = await start({ keypair, bootstrap: middle.addresses(), onTwin: () => twins.early++ });
  early.announce({ role: 'worker', participant: account(1) });
  await heard(middle, keypair.publicKey);
  const late = await start({ keypair, bootstrap: middle.addresses(), onTwin: () => twins.late++ });
  // Whoever both have for a neighbour has two connections of one name, and gossip goes over either: programs announce again, and so does this.
  const announcing = (): number => {
    late.announce({ role: 'worker', participant: account(1) });
    return twins.early;
  };
  await expect.poll(announcing, { timeout: 20_000, interval: 1000 }).toBeGreaterThan(0);
  // What the other said before is no more than its own past.
  expect(twins.late).toBe(0);
});
