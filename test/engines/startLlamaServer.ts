import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A llama-server of its own process, with one thread and four places, ready to answer. Disposing kills it. */
export async function startLlamaServer(options: {
  readonly path: string;
  readonly modelPath: string;
  readonly key: string;
}): Promise<{ readonly url: string } & AsyncDisposable> {
  const child = spawn(
    options.path,
    [
      ...['--model', options.modelPath, '--alias', 'tiny', '--host', '127.0.0.1', '--port', '0'],
      ...['--threads', '1', '--parallel', '4', '--ctx-size', '2048', '--flash-attn', 'off', '--api-key', options.key],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let last = '';
  const { promise: ready, resolve, reject } = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      last = `${last}${line}\n`.slice(-4000);
      const url = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  const closed = once(child, 'close');
  void closed.then(() => reject(new Error(`llama-server ended:\n${last}`)));
  child.once('error', reject);
  return {
    url: `${await ready}/v1`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}
