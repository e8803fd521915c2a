import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { KarmeshError } from '@karmesh/sdk/errors';
import { errorFromParts } from '../thread/errorParts.ts';
import type { FromProving, ProvingTask } from './provingProcess.ts';

const PROGRAM = fileURLToPath(new URL('./provingProcess.ts', import.meta.url));

/** Proves a token in a process of its own, and gives the worker's answer. Throws what the process says, `PROOF_FAILED` if it ends without a word, `ABORTED` by the signal. */
export async function proveInProcess(task: ProvingTask, signal: AbortSignal): Promise<Uint8Array> {
  signal.throwIfAborted();
  const child = fork(PROGRAM, [], {
    serialization: 'advanced',
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // What circom's runtime prints of a witness that does not exist is in the error too.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  // A process that could not be started has no exit.
  const exited = once(child, 'exit').catch(() => undefined);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const abort = (): void => reject(new KarmeshError('ABORTED', 'The proof was stopped.', {}, signal.reason));
  signal.addEventListener('abort', abort, { once: true });
  child.once('error', (cause) =>
    reject(new KarmeshError('PROOF_FAILED', 'The prover could not be started.', {}, cause)),
  );
  child.once('exit', (code, killedBy) =>
    reject(
      new KarmeshError('PROOF_FAILED', 'The process that proves has ended.', {
        code: code ?? undefined,
        signal: killedBy ?? undefined,
      }),
    ),
  );
  child.on('message', (message: FromProving) => {
    if (message.kind === 'answer') resolve(message.bytes);
    else if (message.kind === 'failed') reject(errorFromParts(message.error));
  });
  child.send(task, () => undefined);
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
    child.kill('SIGKILL');
    await exited;
  }
}
