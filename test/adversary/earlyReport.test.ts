import { topics } from '@karmesh/sdk/network';
import { EPOCH_STATE } from '@karmesh/sdk/program';
import { decode, type Hash, reportAnnouncementCodec, toHex } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { type RunningMarket, startMarket } from '../../validator/src/fixtures/runningMarket.ts';
import { validatorPeers } from '../../validator/src/peers/validatorPeers.ts';
import { peekBodies } from '../../validator/src/store/peekBodies.ts';
import type { ValidatorParts } from '../../validator/src/validator.ts';

// A lazy validator seals what another one tallied. Half of the stake has sealed here, and the other half asks for the report before it does.

/** What a peer gets of a validator: the kinds that it lists of an epoch, its report by the list, and by a hash that the peer has from elsewhere. */
interface Seen {
  readonly kinds: readonly string[];
  readonly byHash: boolean;
}

test('V-18: nobody gets a report by list, hash or gossip while it can still be sealed, not after a restart either; then everybody does', {
  timeout: 240_000,
}, async () => {
  const folders = new Map<number, string>();
  const gate = Promise.withResolvers<void>();
  /** The last two keep their seals back until the gate opens. */
  const member =
    (at: number) =>
    (parts: ValidatorParts, folder: string): ValidatorParts => {
      folders.set(at, folder);
      const { writer } = parts;
      const postRoot: typeof writer.postRoot = async (seal, options) => {
        if (at > 1) await gate.promise;
        return writer.postRoot(seal, options);
      };
      return { ...parts, writer: { ...writer, postRoot } };
    };
  const cheats = new Map([0, 1, 2, 3].map((at) => [at, member(at)]));
  await using running = await startMarket({ cheats, committedEpochs: 24n });
  // Whatever fails here, duties that wait at the gate end.
  using _ = { [Symbol.dispose]: gate.resolve };
  const { view, host, market, until } = running;
  const gossiped: { readonly epoch: bigint; readonly bodyHash: string; readonly state: number }[] = [];
  host.subscribe(topics.reports, ({ data }) => {
    const { epoch, bodyHash } = decode(reportAnnouncementCodec, data);
    gossiped.push({ epoch, bodyHash: toHex(bodyHash), state: view.epochAccount(epoch)?.state ?? 0 });
    return 'accept';
  });
  const { epochZeroSlot } = view.config();
  await until('epoch 0', () => view.latestSlotHash().slot > epochZeroSlot + 2n);
  const epoch = view.epoch() ?? 0n;
  await running.publish(running.entries([{ dispatchNumber: 1 }]), { epoch, sequence: 1n });
  const total = (): bigint => view.epochAccount(epoch)?.totalStake ?? 0n;
  await until('half of the seals', () => total() > 0n && 2n * (view.epochAccount(epoch)?.sealedStake ?? 0n) >= total());

  const reportOf = async (at: number): Promise<Hash> => {
    const kept = await peekBodies(folders.get(at) ?? '', epoch);
    const report = kept.find(({ kind }) => kind === 'report');
    if (report === undefined) throw new RangeError('This validator has sealed, so that it has a report.');
    return report.bodyHash;
  };
  const bodyHash = await reportOf(0);
  const isHonest = market.validators.slice(0, 2).map(({ keypair }) => toHex(keypair.publicKey));
  const ask = () => askBoth(running, { epoch, bodyHash, of: isHonest });
  const nothing: Seen = { kinds: ['manifest', 'verdicts'], byHash: false };
  expect(await ask()).toEqual([nothing, nothing]);
  await running.restart(0, 'same');
  expect(await reportOf(0)).toEqual(bodyHash);
  expect(await ask()).toEqual([nothing, nothing]);
  expect(view.epochAccount(epoch)?.state).toBe(EPOCH_STATE.verdicts);
  expect(gossiped).toEqual([]);

  gate.resolve();
  await until('a final epoch', () => view.epochAccount(epoch)?.state === EPOCH_STATE.finalised);
  await until('the word of it', () => gossiped.length > 0);
  const shown: Seen = { kinds: ['manifest', 'verdicts', 'report'], byHash: true };
  expect(await ask()).toEqual([shown, shown]);
  expect(gossiped.filter(({ state }) => state < EPOCH_STATE.reported)).toEqual([]);
  // Whoever has lost its folder stands at the final report again.
  await running.restart(3, 'empty');
  await until('the ledger', () => (running.validators[3]?.ledgerEpoch() ?? -1n) >= epoch);
});

/** Asks each of these validators, as the gateway's host, which hears whatever a peer can hear. */
async function askBoth(
  { host }: RunningMarket,
  { epoch, bodyHash, of }: { readonly epoch: bigint; readonly bodyHash: Hash; readonly of: readonly string[] },
): Promise<readonly Seen[]> {
  const signal = AbortSignal.timeout(30_000);
  const log = { debug: () => {} };
  const peers = validatorPeers()({ host, store: { bytesOf: async () => undefined }, log });
  const seen = new Map<string, Seen>();
  for await (const { peer, bodies } of peers.bodiesOf(epoch, { signal, from: undefined })) {
    const fetched = await host.fetchByHash({ peer, hash: bodyHash, maxBytes: 1_000_000 }, { signal }).catch((err) => {
      expect(err).toMatchObject({ code: 'PEER_UNREACHABLE', facts: { hash: toHex(bodyHash) } });
    });
    seen.set(toHex(peer), {
      kinds: [...new Set(bodies.map(({ kind }) => kind))],
      byHash: fetched instanceof Uint8Array,
    });
  }
  return of.map((identity) => seen.get(identity) ?? { kinds: [], byHash: false });
}
