import { createHost, type Host } from '@karmesh/sdk/network';
import { toHex } from '@karmesh/sdk/protocol';
import { generateKeypair, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { BENCH_TOPIC, type PeersArguments, type PeersReport, type ToPeers } from './messages.ts';

// Some peers in one process, each a host of its own. They say when they know everybody and whom they lose, publish when they are told to, and count
// what they hear. Times are the machine's monotonic clock in milliseconds, which all processes share.
const { address, count, total, bootstrap }: PeersArguments = JSON.parse(process.argv[2] ?? '{}');
const domain = new Uint8Array(32).fill(0xbe);
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const say = (report: PeersReport): void => void process.send?.(report);

const latencies: number[] = [];
const hosts: Host[] = [];
for (let index = 0; index < count; index++) {
  const keypair = generateKeypair();
  const host = await createHost({
    keypair,
    domain,
    listen: [`/ip4/${address}/tcp/0`],
    bootstrap: [...bootstrap, ...hosts.slice(0, 1).flatMap((first) => first.addresses())],
    topics: [BENCH_TOPIC],
    verify: nativeVerifySignature,
    limits: { gossipPerSecond: 2_000, gossipBurst: 4_000 },
  });
  let knows = false;
  host.onAnnouncement(() => {
    if (knows || host.announcements().length < total - 1) return;
    knows = true;
    say({ kind: 'knows', atMs: now() });
  });
  host.onPeer((event) => {
    if (event.kind === 'lost')
      say({ kind: 'lost', by: toHex(host.identity), whom: toHex(event.identity), atMs: now() });
  });
  host.subscribe(BENCH_TOPIC, ({ data }) => {
    latencies.push(now() - new DataView(data.buffer, data.byteOffset).getFloat64(0));
    return 'accept';
  });
  host.announce({ role: 'worker', participant: keypair.publicKey });
  hosts.push(host);
}
say({ kind: 'listening', atMs: now(), addresses: hosts.flatMap((host) => host.addresses()) });

async function publish({ messages, everyMs, bytes }: Extract<ToPeers, { kind: 'publish' }>): Promise<void> {
  latencies.length = 0;
  const began = now();
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < messages; i++) {
    const wait = began + i * everyMs - now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const payload = new Uint8Array(bytes);
    const view = new DataView(payload.buffer);
    view.setFloat64(0, now());
    view.setUint32(8, i);
    view.setUint32(12, process.pid);
    const host = hosts[i % hosts.length];
    if (host !== undefined) sent.push(host.publish(BENCH_TOPIC, payload));
  }
  await Promise.allSettled(sent);
}

process.on('message', (message: ToPeers) => {
  if (message.kind === 'publish') {
    void publish(message);
  } else if (message.kind === 'heard') {
    say({ kind: 'heard', count: latencies.length });
  } else {
    say({
      kind: 'state',
      latencies: latencies.map((ms) => Math.round(ms * 100) / 100),
      rssBytes: process.memoryUsage.rss(),
      cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
      links: hosts.flatMap((host) => host.peers().map((peer) => [toHex(host.identity), toHex(peer.identity)] as const)),
      identities: hosts.map((host) => toHex(host.identity)),
    });
  }
});
// Nobody is left who could ask.
process.once('disconnect', () => process.exit(0));
