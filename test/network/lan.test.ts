import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Namespaces, openNamespaces, whyNoNamespaces } from '../harness/namespaces.ts';

const script = fileURLToPath(new URL('./lanPeer.ts', import.meta.url));
const why = await whyNoNamespaces();

interface LanPeer extends AsyncDisposable {
  readonly identity: string;
  /** Whom it is connected to. */
  readonly peers: () => readonly string[];
}

/** Starts a peer in the namespace at `index`, in the cluster with that number. */
async function startPeer(network: Namespaces, index: number, cluster: number): Promise<LanPeer> {
  const listen = `/ip4/${network.addresses[index]}/tcp/0`;
  const [file = '', ...args] = network.command(index, [process.execPath, script, listen, `${cluster}`]);
  const child: ChildProcess = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  let identity: string | undefined;
  let peers: readonly string[] = [];
  const known = new Promise<void>((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as { identity?: string; peers?: readonly string[] };
      identity ??= said.identity;
      peers = said.peers ?? peers;
      resolve();
    });
  });
  await known;
  if (identity === undefined) throw new Error('The peer said something else first.');
  return {
    identity,
    peers: () => peers,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

test.skipIf(why !== undefined)(
  `peers of one cluster on a local network find each other, and one that comes back, without being told of anybody${why === undefined ? '' : ` (${why})`}`,
  { timeout: 120_000 },
  async () => {
    await using network = await openNamespaces(4);
    const one = await startPeer(network, 0, 1);
    await using _one = one;
    const second = await startPeer(network, 1, 1);
    await using third = await startPeer(network, 2, 1);
    await using stranger = await startPeer(network, 3, 2);
    const meets = (peer: LanPeer, ...others: readonly LanPeer[]) =>
      expect
        .poll(() => peer.peers().toSorted(), { timeout: 60_000 })
        .toEqual(others.map(({ identity }) => identity).toSorted());
    await meets(one, second, third);
    await meets(third, one, second);
    await second[Symbol.asyncDispose]();
    await meets(one, third);
    await using again = await startPeer(network, 1, 1);
    await meets(one, third, again);
    expect(stranger.peers()).toEqual([]);
  },
);
