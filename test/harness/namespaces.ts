import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A network of namespaces that this script made, each with one address, behind one bridge. */
export interface Namespaces extends AsyncDisposable {
  readonly addresses: readonly string[];
  /** The command that runs a program in the namespace at `index`. */
  command(index: number, program: readonly string[]): readonly string[];
}

const ip = (...args: readonly string[]): Promise<unknown> => run('ip', args);

/** Why this process cannot make network namespaces, or undefined if it can. */
export async function whyNoNamespaces(): Promise<string | undefined> {
  const name = `kmtry${process.pid}`;
  try {
    await ip('netns', 'add', name);
    await ip('netns', 'del', name);
    return undefined;
  } catch (error) {
    return `Network namespaces cannot be made here: ${error instanceof Error ? error.message.split('\n')[0] : 'unknown'}`;
  }
}

/** Makes `count` namespaces (at most 200) with the addresses 10.77.0.1 and up. Nothing in them reaches any other network. */
export async function openNamespaces(count: number): Promise<Namespaces> {
  await using stack = new AsyncDisposableStack();
  const prefix = `km${process.pid}`;
  const hub = `${prefix}h`;
  const add = async (name: string): Promise<void> => {
    await ip('netns', 'add', name);
    stack.defer(async () => void (await ip('netns', 'del', name)));
    await ip('-n', name, 'link', 'set', 'lo', 'up');
  };
  await add(hub);
  await ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge');
  await ip('-n', hub, 'link', 'set', 'br0', 'up');
  const addresses: string[] = [];
  for (let index = 0; index < count; index++) {
    const name = `${prefix}n${index}`;
    const address = `10.77.0.${index + 1}`;
    await add(name);
    await ip('link', 'add', 'eth0', 'netns', name, 'type', 'veth', 'peer', 'name', `p${index}`, 'netns', hub);
    await ip('-n', hub, 'link', 'set', `p${index}`, 'master', 'br0', 'up');
    await ip('-n', name, 'addr', 'add', `${address}/16`, 'dev', 'eth0');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    // Without a way out there is none for multicast either.
    await ip('-n', name, 'route', 'add', '224.0.0.0/4', 'dev', 'eth0');
    addresses.push(address);
  }
  const owned = stack.move();
  return {
    addresses,
    command: (index, program) => ['ip', 'netns', 'exec', `${prefix}n${index}`, ...program],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts a program by its command, with a channel for messages. */
export function spawnCommand(command: readonly string[]): ReturnType<typeof spawn> {
  const [file = '', ...args] = command;
  return spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}
