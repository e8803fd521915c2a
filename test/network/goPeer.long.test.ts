import { readFileSync } from 'node:fs';
import { type Announcement, type Host, topics } from '@karmesh/sdk/network';
import { encode, fromHex, hash, manifestAnnouncementCodec, toHex } from '@karmesh/sdk/protocol';
import { generateKeypair, type Keypair } from '@karmesh/sdk/runtime';
import { describe, expect, test } from 'vitest';
import { buildGoPeer } from './buildGoPeer.ts';
import { openHost } from './openHost.ts';
import { spawnGoPeer } from './spawnGoPeer.ts';

// A peer in another language on another libp2p, written from docs/protocol.md.

const built = await buildGoPeer();
const reason = built.kind === 'built' ? '' : ` (skipped: ${built.reason})`;

interface ManifestVectors {
  readonly domain: string;
  readonly cases: readonly {
    readonly name: string;
    readonly encoded: string;
    readonly roots: { readonly epoch: string; readonly receiptSetRoot: string; readonly entryCount: number };
    readonly manifestHash: string;
  }[];
}
const vectors: ManifestVectors = JSON.parse(readFileSync(new URL('../vectors/manifest.json', import.meta.url), 'utf8'));
const domain = fromHex(vectors.domain);
const account = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

/** The first announcement of an identity that a host accepts from now on. */
function heard(host: Host, identity: Uint8Array): Promise<Announcement> {
  return new Promise((resolve) => {
    const stop = host.onAnnouncement((announcement) => {
      if (toHex(announcement.identity) !== toHex(identity)) return;
      stop();
      resolve(announcement);
    });
  });
}

describe.skipIf(built.kind === 'impossible')(`a go-libp2p peer${reason}`, () => {
  const start = (addresses: readonly string[], keypair: Keypair, of = domain) => {
    if (built.kind === 'impossible') throw new Error(built.reason);
    return spawnGoPeer({ path: built.path, domain: of, keypair, participant: account(5), addresses });
  };

  test('N-01 to N-09: joins, passes gossip both ways, keeps up beats both ways and fetches receipt sets by hash', async () => {
    await using meeting = await openHost({ domain });
    await using far = await openHost({ domain, bootstrap: meeting.addresses() });
    const bodies = new Map(vectors.cases.map(({ encoded }) => [toHex(hash(fromHex(encoded))), fromHex(encoded)]));
    await meeting.serveByHash(async (wanted) => bodies.get(toHex(wanted)));
    meeting.subscribe(topics.manifests, () => 'accept');
    const lost: unknown[] = [];
    for (const host of [meeting, far]) host.onPeer((event) => void (event.kind === 'lost' && lost.push(event)));

    const keypair = generateKeypair();
    const found = heard(far, keypair.publicKey);
    await using peer = start(meeting.addresses(), keypair);
    const listening = await peer.event(({ event }) => event === 'listening');

    // Its gossip reaches who is connected to somebody else, and he dials it.
    const announced = await found;
    expect(announced).toMatchObject({
      identity: keypair.publicKey,
      sequence: expect.any(BigInt),
      role: 'validator',
      participant: account(5),
      multiaddrs: listening.addresses,
      engineClass: account(0),
      models: [],
    });
    const isConnected = () => far.peers().find(({ identity }) => toHex(identity) === toHex(keypair.publicKey));
    await expect.poll(() => isConnected()?.roundTripMs, { timeout: 20_000 }).toBeGreaterThanOrEqual(0);

    far.announce({ role: 'worker', participant: account(1), engineClass: account(2), models: [account(3)] });
    expect(await peer.event((event) => event.identity === toHex(far.identity))).toEqual({
      event: 'announcement',
      identity: toHex(far.identity),
      role: 'worker',
      participant: toHex(account(1)),
      multiaddrs: far.addresses(),
      engineClass: toHex(account(2)),
      models: [toHex(account(3))],
    });

    for (const { encoded, roots, manifestHash } of vectors.cases) {
      const bodyHash = hash(fromHex(encoded));
      const reference = { epoch: BigInt(roots.epoch), manifestHash: fromHex(manifestHash), bodyHash };
      const say = () => meeting.publish(topics.manifests, encode(manifestAnnouncementCodec, reference));
      await expect.poll(say, { timeout: 20_000 }).toBeGreaterThanOrEqual(1);
      expect(await peer.event((event) => event.bodyHash === toHex(bodyHash))).toEqual({
        event: 'receipt set',
        epoch: Number(roots.epoch),
        entries: roots.entryCount,
        bodyHash: toHex(bodyHash),
        receiptSetRoot: roots.receiptSetRoot,
      });
    }

    // Four beats take longer than the silence after which either side would have parted.
    await peer.event(({ event, count }) => event === 'beats answered' && Number(count) >= 4);
    expect([lost, peer.events('peer lost')]).toEqual([[], []]);
  });

  test('N-06, N-08: what it signs for another domain is rejected', async () => {
    const judged: unknown[] = [];
    await using meeting = await openHost({ domain, onGossip: (topic, verdict) => judged.push([topic, verdict]) });
    await using _peer = start(meeting.addresses(), generateKeypair(), account(9));
    await expect.poll(() => judged, { timeout: 20_000 }).toContainEqual([topics.announce, 'reject']);
    expect(meeting.announcements()).toEqual([]);
  });
});
