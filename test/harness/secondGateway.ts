import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Gateway } from '@karmesh/sdk/client';
import { addressFromBase58, createProgramClient, transactionSigner } from '@karmesh/sdk/program';
import { z } from 'zod';
import { type Child, startChild } from '../../programs/localnet/src/up/child.ts';
import { openMarketFolder } from '../../programs/localnet/src/up/folder.ts';
import { prepareChain } from '../../programs/localnet/src/up/prepareChain.ts';
import type { TestMarket } from './market.ts';

const script = fileURLToPath(new URL('../../web/gateway/main.ts', import.meta.url));
const gatewayReady = z.object({ url: z.url() });

export interface SecondGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly child: Child;
}

/** Another gateway of the same market, with a bond, an escrow and a database of its own. Resolves once it can sell. */
export async function startSecondGateway(
  { running, folder, cluster, slotMs }: TestMarket,
  { signal }: { readonly signal: AbortSignal },
): Promise<SecondGateway> {
  await using stack = new AsyncDisposableStack();
  const path = join(folder.path, 'second');
  const own = await openMarketFolder(path);
  const members = { ...own, workers: [], validators: [] };
  const client = createProgramClient({
    connection: running.client.connection,
    programId: addressFromBase58(cluster.programId),
    payer: transactionSigner(own.treasury),
  });
  await prepareChain(client, { folder: members, cluster, offers: {}, signal, talk: () => {} });
  const keyFile = join(path, 'dev-keys', 'api-key.txt');
  const { identityFile, dataDir, logFile } = own.gateway;
  const args = [
    ...['--json', '--url', running.rpcUrl, '--keypair', identityFile, '--data-dir', dataDir, '--port', '0'],
    ...['--models', join(folder.path, 'model-llama.json'), '--api-key-file', keyFile],
    ...['--poll-ms', `${slotMs}`, '--bootstrap', running.bootstrap],
  ];
  const child = stack.use(await startChild({ name: 'second gateway', script, args, logFile }, { signal }));
  const { url } = gatewayReady.parse(child.ready);
  const gateway: Gateway = { url: url.replace(/\/$/, ''), apiKey: (await readFile(keyFile, 'utf8')).trim() };
  for (let ready = false; !ready; ) {
    const response = await fetch(`${gateway.url}/readyz`, { signal });
    await response.body?.cancel();
    ready = response.ok;
    if (!ready) await pause(200, undefined, { signal });
  }
  const owned = stack.move();
  return { gateway, child, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
