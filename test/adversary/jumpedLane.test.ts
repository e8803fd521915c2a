import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LogAtWork, logAtWork } from './logAtWork.ts';

const MASTER = 0;
const BRONZE = 5;

let work: LogAtWork;
beforeAll(async () => {
  work = await logAtWork({ validators: 2 });
});
afterAll(() => work[Symbol.asyncDispose]());

test('G-31: whose turn came rightly sees it, with how many cosigned', { timeout: 60_000 }, async () => {
  await using gateway = await work.open([0, 1]);
  const bronze = gateway.sell(BRONZE, 1);
  gateway.start(bronze);
  const waiting = gateway.sell(BRONZE, 2);
  const master = gateway.sell(MASTER, 3);
  gateway.start(master);
  gateway.leave(master);
  const held = gateway.sell(BRONZE, 1);
  const gone = gateway.sell(BRONZE, 4);
  gateway.leave(gone);
  gateway.start(waiting);
  expect(await gateway.verify(waiting)).toEqual({
    holds: true,
    broken: undefined,
    fate: 'started',
    ticket: { number: 2n, lane: BRONZE, hash: expect.any(Uint8Array) },
    waitedMs: expect.any(BigInt),
    startedBefore: 1,
    size: 11,
    cosigners: work.validators.map(({ name }) => name),
  });
  expect(await gateway.verify(gone)).toMatchObject({ holds: true, fate: 'left', startedBefore: 0 });
  expect(await gateway.verify(held)).toMatchObject({ holds: true, fate: 'waiting', startedBefore: 1 });
});

test('G-14: a gateway that starts a later Bronze before a waiting Master is shown with both tickets', {
  timeout: 60_000,
}, async () => {
  await using gateway = await work.open([]);
  const master = gateway.sell(MASTER, 1);
  const bronze = gateway.sell(BRONZE, 2);
  gateway.start(bronze);
  gateway.start(master);
  const jumped = await gateway.verify(master);
  expect(jumped).toMatchObject({
    holds: false,
    broken: {
      rule: 'G-14',
      index: 3,
      sentence: 'Ticket 2 of lane bronze started before ticket 1 of lane master, whose turn it was.',
      jumped: { ticketHash: jumped.ticket.hash, ticketNumber: 1n, lane: MASTER },
      jumping: { ticketNumber: 2n, lane: BRONZE },
    },
  });
  // Who jumped sees it as well.
  expect((await gateway.verify(bronze)).broken).toEqual(jumped.broken);
});

test('G-31: a gateway that hides a jump, a ticket or an event from who looks is not believed', {
  timeout: 60_000,
}, async () => {
  await using gateway = await work.open([]);
  const master = gateway.sell(MASTER, 1);
  const bronze = gateway.sell(BRONZE, 2);
  gateway.start(bronze);
  gateway.start(master);
  const changed = (edit: (entries: readonly string[]) => readonly string[]) => (path: string, body: string) => {
    if (!path.startsWith('/v1/log/entries')) return body;
    return JSON.stringify({ entries: edit(JSON.parse(body).entries) });
  };
  const swapped = changed(([opened = '', one = '', two = '', bronzeStart = '', masterStart = '']) => [
    opened,
    one,
    two,
    masterStart,
    bronzeStart,
  ]);
  const withoutBronze = changed((entries) => [...entries.slice(0, 2), ...entries.slice(4)]);
  const untrue = { rule: 'G-03', sentence: 'The entries that the gateway shows are not those of its log.' };
  expect((await gateway.verify(master, swapped)).broken).toEqual(untrue);
  // Short by two, it has to ask for more than there is.
  await expect(gateway.verify(master, withoutBronze)).resolves.toMatchObject({ holds: false, broken: untrue });
  const elsewhere = (path: string, body: string): string =>
    path.startsWith('/v1/log/tickets') ? JSON.stringify({ index: 2, opened: 0 }) : body;
  expect((await gateway.verify(master, elsewhere)).broken).toMatchObject({ rule: 'G-13', index: 2 });
  const unsigned = (path: string, body: string): string =>
    path === '/v1/log/checkpoint' ? body.replace('\n5\n', '\n4\n') : body;
  expect((await gateway.verify(master, unsigned)).broken?.rule).toBe('G-05');
  const forged = { ...master, value: { ...master.value, lane: BRONZE } };
  expect((await gateway.verify(forged)).broken?.rule).toBe('F-20');
});

test('G-13: a ticket that was sold and stands in no log is shown', { timeout: 60_000 }, async () => {
  await using gateway = await work.open([]);
  await using hidden = await work.open([]);
  gateway.sell(BRONZE, 1);
  const unseen = hidden.sell(MASTER, 1);
  expect((await gateway.verify(unseen)).broken).toEqual({
    rule: 'G-13',
    sentence: 'The gateway signed this ticket and its log does not have it.',
  });
});

test('G-13: a ticket that was held back from the log is shown', { timeout: 60_000 }, async () => {
  await using gateway = await work.open([]);
  const held = gateway.sell(BRONZE, 1, 30_000);
  expect(await gateway.verify(held)).toMatchObject({
    holds: false,
    broken: {
      rule: 'G-13',
      index: 1,
      sentence: expect.stringMatching(/^The ticket entered the log 300\d\d ms after it was sold\.$/),
    },
  });
});

test('G-12, G-31: a ticket that waited when the gateway’s process ended is told so, and later ones are followed from there', {
  timeout: 60_000,
}, async () => {
  // The validators of the other tests know another log of this gateway.
  await using own = await logAtWork({ validators: 1 });
  await using first = await own.open([0]);
  for (let i = 0; i < 5; i++) {
    const ticket = first.sell(BRONZE, i);
    first.start(ticket);
    first.leave(ticket);
  }
  const dropped = first.sell(BRONZE, 9);
  await first.log.flushed();
  await first.log[Symbol.asyncDispose]();

  await using second = await own.open([0], first);
  const master = second.sell(MASTER, 1);
  second.start(master);
  expect(await second.verify(dropped)).toMatchObject({ holds: true, fate: 'dropped', size: 20 });
  const { name } = own.validators[0] ?? {};
  expect(await second.verify(master)).toMatchObject({
    holds: true,
    fate: 'started',
    startedBefore: 0,
    cosigners: [name],
  });
  const otherPeaks = (path: string, body: string): string =>
    path.startsWith('/v1/log/proof/inclusion') ? body.replace(/[0-9a-f]{64}/, '00'.repeat(32)) : body;
  expect((await second.verify(master, otherPeaks)).broken?.rule).toBe('G-03');
  const noPeaks = (path: string, body: string): string =>
    path.startsWith('/v1/log/proof/inclusion') ? '{"path":[]}' : body;
  await expect(second.verify(master, noPeaks)).rejects.toMatchObject({
    code: 'GATEWAY_REFUSED',
    message: 'The gateway’s log gives a path of the wrong length.',
  });
  const nothing = (path: string, body: string): string =>
    path.startsWith('/v1/log/entries') ? '{"entries":[]}' : body;
  await expect(second.verify(master, nothing)).rejects.toMatchObject({
    code: 'GATEWAY_REFUSED',
    message: 'The gateway’s log answers with something else than was asked.',
  });
});
