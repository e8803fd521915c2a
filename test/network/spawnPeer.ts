import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { fromHex, toHex } from '@karmesh/sdk/protocol';
import { generateKeypair, type Keypair } from '@karmesh/sdk/runtime';

const script = fileURLToPath(new URL('./peerProcess.ts', import.meta.url));

export type SpawnedPeer = AsyncDisposable & {
  readonly identity: Uint8Array;
  readonly addresses: readonly string[];
  freeze(): void;
  thaw(): void;
  /** Ends the process with SIGKILL, even a frozen one, and waits for its end. */
  kill(): Promise<void>;
};

/** Starts `peerProcess.ts` and waits until it listens. */
export async function spawnPeer({
  keypair = generateKeypair(),
  listen = '/ip4/127.0.0.1/tcp/0',
  bootstrap = [],
}: {
  readonly keypair?: Keypair;
  readonly listen?: string;
  readonly bootstrap?: readonly string[];
} = {}): Promise<SpawnedPeer> {
  const child = spawn(process.execPath, [script, toHex(keypair.secretKey()), listen, ...bootstrap], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('close', (code) => reject(new Error(`The peer ended with ${code} before it listened.`)));
  });
  const { identity, addresses } = JSON.parse(line) as { identity: string; addresses: string[] };
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  return {
    identity: fromHex(identity),
    addresses,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
