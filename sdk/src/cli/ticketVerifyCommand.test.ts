import { expect, test } from 'vitest';
import type { TicketVerdict } from '../client/verifyTicket.ts';
import { renderTicketVerdict } from './ticketVerifyCommand.ts';

const verdict: TicketVerdict = {
  holds: true,
  broken: undefined,
  fate: 'started',
  ticket: { number: 7n, lane: 5, hash: new Uint8Array(32).fill(1) },
  waitedMs: 1_250n,
  startedBefore: 3,
  size: 90,
  cosigners: ['a', 'b'],
};
const rendered = (change: Partial<TicketVerdict> = {}): string =>
  renderTicketVerdict({ verdict: { ...verdict, ...change }, validators: 4 });

test('G-31: says in plain words what became of a ticket and who vouches for it', () => {
  expect(rendered()).toMatchInlineSnapshot(`
    "✔ Ticket 7 of lane bronze had its turn after 1250 ms. 3 had theirs while it waited, each rightly: nobody was jumped.
    2 of 4 validators cosigned the checkpoint of 90 events."
  `);
  expect(rendered({ fate: 'left' })).toMatchInlineSnapshot(`
    "✔ Ticket 7 of lane bronze left after 1250 ms without a turn. Nobody was jumped until then.
    2 of 4 validators cosigned the checkpoint of 90 events."
  `);
  expect(rendered({ fate: 'dropped' })).toMatchInlineSnapshot(`
    "✔ Ticket 7 of lane bronze waited for 1250 ms until the gateway’s process began anew. Nobody was jumped until then.
    2 of 4 validators cosigned the checkpoint of 90 events."
  `);
  expect(rendered({ fate: 'waiting', waitedMs: undefined })).toMatchInlineSnapshot(`
    "✔ Ticket 7 of lane bronze still waits. 3 had their turn meanwhile, each rightly: nobody was jumped.
    2 of 4 validators cosigned the checkpoint of 90 events."
  `);
  expect(rendered({ holds: false, fate: 'pending', waitedMs: undefined })).toMatchInlineSnapshot(`
    "… Ticket 7 of lane bronze is newer than the gateway’s checkpoint: ask again in some seconds.
    2 of 4 validators cosigned the checkpoint of 90 events."
  `);
});

test('G-14: names both tickets of a jump', () => {
  const logged = (number: number, lane: number) => ({
    ticketHash: new Uint8Array(32).fill(number),
    ticketNumber: BigInt(number),
    lane,
    enteredAtMs: 1n,
  });
  const sentence = 'Ticket 8 of lane bronze started before ticket 7 of lane master, whose turn it was.';
  const broken = { rule: 'G-14', index: 12, sentence, jumped: logged(7, 0), jumping: logged(8, 5) };
  expect(rendered({ holds: false, broken })).toMatchInlineSnapshot(`
    "✖ G-14  Ticket 8 of lane bronze started before ticket 7 of lane master, whose turn it was. (event 12)
    ✖ Jumped: ticket 0707070707070707070707070707070707070707070707070707070707070707
    ✖ Jumping: ticket 0808080808080808080808080808080808080808080808080808080808080808
    2 of 4 validators cosigned the checkpoint of 90 events."
  `);
  const unsigned = { rule: 'G-05', sentence: 'The gateway’s checkpoint is not one that it signed.' };
  expect(rendered({ holds: false, broken: unsigned, size: undefined })).toMatchInlineSnapshot(
    `"✖ G-05  The gateway’s checkpoint is not one that it signed."`,
  );
});
