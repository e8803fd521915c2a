import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Child, startChild } from '../../programs/localnet/src/up/child.ts';
import type { Member } from '../../programs/localnet/src/up/folder.ts';
import type { TestMarket } from './market.ts';

const script = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const peerReady = z.object({ multiaddrs: z.array(z.string()).min(1) });
const addressesOf = (child: Child): readonly string[] => peerReady.parse(child.ready).multiaddrs;

/** Ends a program by SIGKILL, in the middle of whatever it does, and resolves when it is gone. */
export async function killHard(child: Child): Promise<void> {
  process.kill(child.pid, 'SIGKILL');
  await child.ended;
}

/** Starts programs of a market again in their folders, after they were killed. Disposing ends what was started. */
export interface Restarter extends AsyncDisposable {
  /** On the ports that it had, since the others know it by its URL. */
  cluster(): Promise<Child>;
  /** On the HTTP port that it had; peers learn its new address from its announcement. */
  gateway(): Promise<Child>;
  /** By the worker's own program unless told another. */
  worker(index: number, options?: { readonly script?: string }): Promise<Child>;
  validator(index: number): Promise<Child>;
}

export function restarter(market: TestMarket, { signal }: { readonly signal: AbortSignal }): Restarter {
  const { running, folder, cluster, slotMs } = market;
  // Whoever was started again listens elsewhere than before.
  const workers = [...running.workers];
  const validators = [...running.validators];
  const stack = new AsyncDisposableStack();
  const [, firstGateway] = running.processes;
  if (firstGateway === undefined) throw new RangeError('A market has a gateway.');
  let gateway = firstGateway;
  const portOf = (url: string): string => new URL(url).port;
  const start = async (options: Parameters<typeof startChild>[0]): Promise<Child> =>
    stack.use(await startChild(options, { signal }));
  const common = ({ identityFile, dataDir }: Member): readonly string[] => [
    ...['--json', '--url', running.rpcUrl, '--keypair', identityFile, '--data-dir', dataDir],
  ];
  const peer = (member: Member | undefined, file: string): Promise<Child> => {
    if (member === undefined) throw new RangeError('The market has no such member.');
    const { name, logFile } = member;
    const args = ['start', ...common(member), '--bootstrap', addressesOf(gateway).join(',')];
    return start({ name, script: file, logFile, args });
  };
  return {
    cluster: () =>
      start({
        name: 'local cluster',
        script: script('programs/localnet/src/main.ts'),
        logFile: folder.ledgerLog,
        args: [
          ...['--json', '--data-dir', folder.ledgerDir, '--port', portOf(running.rpcUrl), '--slot-ms', `${slotMs}`],
          ...['--program', `${cluster.programId}=${script('programs/karma/karma.so')}`],
        ],
      }),
    async gateway() {
      const { logFile } = folder.gateway;
      const bootstrap = [...workers, ...validators].flatMap(addressesOf).join(',');
      const args = [
        ...common(folder.gateway),
        ...['--port', portOf(running.gateway.url), '--bootstrap', bootstrap],
        ...['--models', `${folder.path}/model-llama.json`, '--api-key-file', `${folder.path}/dev-keys/api-key.txt`],
      ];
      gateway = await start({ name: 'gateway', script: script('web/gateway/main.ts'), logFile, args });
      return gateway;
    },
    async worker(index, options = {}) {
      const child = await peer(folder.workers[index], options.script ?? script('node/src/main.ts'));
      workers[index] = child;
      return child;
    },
    async validator(index) {
      const child = await peer(folder.validators[index], script('validator/src/main.ts'));
      validators[index] = child;
      return child;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
