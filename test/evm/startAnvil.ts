import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type EvmChain, openEvmChain } from '@karmesh/sdk/evm';
import { type Secp256k1Key, secp256k1KeyFromSecret } from '@karmesh/sdk/runtime';

const root = join(import.meta.dirname, '..', '..');
const binary = [`${root}/node_modules`, `${root}/test/node_modules`]
  .map((modules) => join(modules, '@foundry-rs', 'anvil-linux-amd64', 'bin', 'anvil'))
  .find((path) => existsSync(path));

/** npm brings anvil for Linux on x64 alone; `describe.skipIf(noAnvil)(WITH_ANVIL, ...)` says so elsewhere. */
export const noAnvil = binary === undefined;
export const WITH_ANVIL = 'on anvil (skipped where npm brings no binary of it: it does for Linux on x64)';

/** An EVM chain of one node in a process, which mines every transaction at once. */
export interface Anvil extends AsyncDisposable {
  readonly url: string;
  /** What sends and pays here. */
  readonly chain: EvmChain;
  readonly account: Secp256k1Key;
}

/** Starts anvil on a free port of 127.0.0.1. */
export async function startAnvil({ chainId = 31_337 }: { readonly chainId?: number } = {}): Promise<Anvil> {
  if (binary === undefined) throw new Error('There is no anvil here.');
  await using stack = new AsyncDisposableStack();
  const child = spawn(binary, ['--port', '0', '--chain-id', String(chainId), '--accounts', '1', '--color', 'never'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stack.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`anvil ended with ${code}.`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, address] = /^Listening on (.+)$/.exec(line) ?? [];
      if (address !== undefined) resolve(`http://${address}`);
    });
  });
  const account = secp256k1KeyFromSecret(new Uint8Array(32).fill(7));
  const address = `0x${Buffer.from(account.address).toString('hex')}`;
  await rpc(url, 'anvil_setBalance', [address, '0x3635c9adc5dea00000']);
  const chain = stack.use(await openEvmChain({ url, key: account, signal: AbortSignal.timeout(30_000) }));
  const running = stack.move();
  return { url, chain, account, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** One request of JSON-RPC, as it stands. */
export async function rpc<T>(url: string, method: string, params: readonly unknown[]): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const answer = (await response.json()) as { readonly result: T; readonly error?: { readonly message: string } };
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}
