import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';

const shutdownFile = new URL('./shutdown.ts', import.meta.url).href;

/** Waits for ever, and says on stdout when it stops. */
const CHILD = `
import { shutdown } from ${JSON.stringify(shutdownFile)};
const stopping = shutdown()({ log: { info() {}, error() {} } });
stopping.add('last word', () => { process.stdout.write('stopped in order\\n'); });
setInterval(() => {}, 1000);
process.stdout.write('running\\n');
`;

/** Starts the child with a channel as \`up\` does, its stdout being the parent's own. */
const PARENT = `
import { spawn } from 'node:child_process';
spawn(process.execPath, ['--input-type=module', '--eval', ${JSON.stringify(CHILD)}], { stdio: ['ignore', 'inherit', 'ignore', 'ipc'], detached: true });
`;

test('a program started with a channel stops in order when its parent is killed with -9', async () => {
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', PARENT], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('running');
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  expect((await lines.next()).value).toBe('stopped in order');
  // The child held the other end of this pipe: it ends only with the child.
  expect((await lines.next()).done).toBe(true);
});
