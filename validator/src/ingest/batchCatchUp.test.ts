import { KarmeshError } from '@karmesh/sdk/errors';
import type { Announcement, Host } from '@karmesh/sdk/network';
import {
  type Batch,
  batchesAnswerCodec,
  batchesAskCodec,
  batchRecord,
  decode,
  encode,
  type Signed,
  signRecord,
  toHex,
} from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { fixtureMarket, named } from '../fixtures/market.ts';
import { batchCatchUp } from './batchCatchUp.ts';

const { domain, gateway } = fixtureMarket({ slotsPerEpoch: 100n });

function headers(count: number): readonly Signed<Batch>[] {
  return Array.from({ length: count }, (_, i) =>
    signRecord(
      batchRecord,
      { domain, signer: gateway.keypair },
      {
        producer: gateway.address,
        sequence: BigInt(i + 1),
        epoch: 5n,
        merkleRoot: named('root'),
        bodyHash: named('body'),
        count: 1,
        issuedAtMs: 1n,
      },
    ),
  );
}

const announced = (role: Announcement['role'], participant: Uint8Array): Announcement => ({
  identity: gateway.keypair.publicKey,
  incarnation: 1n,
  sequence: 1n,
  role,
  participant,
  multiaddrs: [],
  engineClass: new Uint8Array(32),
  models: [],
  health: undefined,
});

/** Runs one round against a gateway that answers from `held`, or fails. */
async function oneRound(options: {
  readonly held: readonly Signed<Batch>[];
  readonly announcements?: readonly Announcement[];
  readonly epoch?: bigint | undefined;
  readonly fails?: boolean;
}): Promise<{ readonly taken: bigint; readonly asks: readonly { readonly epoch: bigint; readonly after: bigint }[] }> {
  const asks: { readonly epoch: bigint; readonly after: bigint }[] = [];
  const stopped = new AbortController();
  let taken = 0n;
  const openStream: Host['openStream'] = async () => {
    if (options.fails === true) throw new KarmeshError('PEER_UNREACHABLE', 'It is down.');
    let answer: Uint8Array | undefined;
    return {
      remote: gateway.keypair.publicKey,
      signal: stopped.signal,
      async send(bytes: Uint8Array) {
        const ask = decode(batchesAskCodec, bytes);
        asks.push(ask);
        const since = options.held.filter(({ value }) => value.epoch >= ask.epoch && value.sequence > ask.after);
        answer = encode(batchesAnswerCodec, { headers: since.slice(0, 256) });
      },
      receive: async () => answer,
      close: async () => {},
      abort() {},
      [Symbol.asyncDispose]: async () => {},
    } as unknown as Awaited<ReturnType<Host['openStream']>>;
  };
  await batchCatchUp()({
    host: {
      openStream,
      announcements: () => options.announcements ?? [announced('gateway', gateway.address)],
      onPeer: () => () => {},
    },
    ingest: {
      knownTo: () => taken,
      isBack() {},
      answered(_producer, found) {
        taken = found.at(-1)?.value.sequence ?? taken;
        return taken;
      },
    },
    gateways: () => [gateway.address],
    currentEpoch: () => ('epoch' in options ? options.epoch : 6n),
    sleep: async () => stopped.abort(),
    log: logger({ name: 'test', level: 'silent' })(),
  })({ signal: stopped.signal });
  return { taken, asks };
}

test('asks a gateway for its headers of the last epochs, page after page, after the last it knows', async () => {
  const { taken, asks } = await oneRound({ held: headers(600) });
  expect(taken).toBe(600n);
  expect(asks).toEqual([0n, 256n, 512n].map((after) => ({ epoch: 4n, after })));
});

test('asks from the first epoch on while the cluster is young, and not at all before', async () => {
  expect((await oneRound({ held: headers(1), epoch: 1n })).asks).toEqual([{ epoch: 0n, after: 0n }]);
  expect((await oneRound({ held: headers(1), epoch: undefined })).asks).toEqual([]);
});

test('asks no worker, and no gateway that the chain does not know', async () => {
  const announcements = [announced('worker', gateway.address), announced('gateway', named('stranger'))];
  expect((await oneRound({ held: headers(1), announcements })).asks).toEqual([]);
});

test('passes over a gateway that does not answer', async () => {
  expect((await oneRound({ held: headers(1), fails: true })).taken).toBe(0n);
});

test('a gateway that comes back is asked at once, and for its bodies too', async () => {
  const stopped = new AbortController();
  let tell: Parameters<Host['onPeer']>[0] = () => {};
  const back: string[] = [];
  let asks = 0;
  const rests: number[] = [];
  const gateways = [announced('gateway', gateway.address)];
  await batchCatchUp()({
    host: {
      openStream: async () => {
        asks++;
        if (asks === 2) stopped.abort();
        throw new KarmeshError('PEER_UNREACHABLE', 'It is down.');
      },
      announcements: () => gateways,
      onPeer(listener) {
        tell = listener;
        return () => back.push('left');
      },
    },
    ingest: { knownTo: () => 0n, answered: () => 0n, isBack: (producer) => back.push(toHex(producer)) },
    gateways: () => [gateway.address],
    currentEpoch: () => 6n,
    async sleep(ms, { signal }) {
      rests.push(ms);
      if (ms < 1000 || signal.aborted) return;
      tell({ kind: 'connected', identity: named('a stranger') });
      expect(signal.aborted).toBe(false);
      tell({ kind: 'connected', identity: gateway.keypair.publicKey });
      expect(signal.aborted).toBe(true);
    },
    log: logger({ name: 'test', level: 'silent' })(),
  })({ signal: stopped.signal });
  expect({ asks, back, rests }).toEqual({
    asks: 2,
    back: [toHex(gateway.address), 'left'],
    rests: [500, 4500, 500],
  });
});
