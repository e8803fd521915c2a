import {
  type Entry,
  entryHashOf,
  equalBytes,
  type Receipt,
  receiptRecord,
  signRecord,
  type Ticket,
  ticketRecord,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { fixtureMarket, named } from '../fixtures/market.ts';
import { foundTwice } from './finding.ts';
import { pairsSignedTwice } from './signedTwice.ts';

const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain, gateway, workers } = market;
const signal = AbortSignal.timeout(10_000);
const parts = {
  domain,
  gatewayIdentity: () => gateway.keypair.publicKey,
  workerIdentity: (worker: Uint8Array) => workers.find(({ address }) => equalBytes(address, worker))?.keypair.publicKey,
};

function checked(entry: Entry) {
  return { entry, entryHash: entryHashOf(entry), epoch: 5n, drawn: [], agreeing: [], activeParameters: 1 };
}

function pairsOf(...entries: readonly Entry[]) {
  return pairsSignedTwice(parts, { epoch: 5n, entries: () => entries.map(checked) as never }, { signal });
}

const entry = market.entry({ dispatchNumber: 1, slot: 501n });
const other = market.entry({ dispatchNumber: 2, slot: 502n });
const [first] = entry.evidence.receipts;
if (first === undefined) throw new RangeError('The entry has receipts.');
const worker = workers.find(({ address }) => equalBytes(address, first.receipt.value.worker));
if (worker === undefined) throw new RangeError('A worker signed it.');

/** The other entry with a receipt of the same worker and counter as the first entry's. */
function withReceipt(changed: Partial<Receipt>): Entry {
  const value = { ...first?.receipt.value, ...changed } as Receipt;
  const receipt = signRecord(receiptRecord, { domain, signer: worker?.keypair ?? gateway.keypair }, value);
  return { ...other, evidence: { ...other.evidence, receipts: [{ ...first, receipt }] } } as Entry;
}

function withTicket(changed: Partial<Ticket>): Entry {
  const value = { ...entry.ticket.value, ...changed };
  return { ...other, ticket: signRecord(ticketRecord, { domain, signer: gateway.keypair }, value) };
}

test('entries with numbers of their own are no offence', async () => {
  expect(await pairsOf(entry, other)).toEqual([]);
});

test('E-34: two receipts of one worker with one counter that differ are found, with what one key signed', async () => {
  const [pair, ...more] = await pairsOf(entry, withReceipt({ outputHash: named('another answer') }));
  expect(more).toEqual([]);
  expect(pair).toMatchObject({ twice: { name: 'receipt' }, identity: worker.keypair.publicKey, epoch: 5n });
  expect(pair?.twice.first).toEqual(first.receipt.value);
  expect(pair?.signatures[0]).toEqual(first.receipt.signature);
  if (pair === undefined) return;
  const found = foundTwice(domain, pair);
  expect(found.of).toMatchObject({ what: 'receipt', offender: worker.address });
});

test('E-34: the same receipt in two entries is no offence', async () => {
  expect(await pairsOf(entry, withReceipt({}))).toEqual([]);
});

test('E-33: two tickets of one gateway with one number that differ are found', async () => {
  const pairs = await pairsOf(entry, withTicket({ priceCap: 7n }));
  expect(pairs).toMatchObject([{ twice: { name: 'ticket' }, identity: gateway.keypair.publicKey }]);
  // A request that was dispatched twice under one ticket is no second signature.
  expect(await pairsOf(entry, withTicket({}))).toEqual([]);
});
