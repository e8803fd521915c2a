import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { CUTS_VARIABLE } from './cutFiles.ts';

// Loaded into every program of a market under test before its own code. While the ports of others stand in this process's file, every connection that it
// has opened to one of them is silent in both directions for good, and a new one is never answered: what a cable does that was pulled. The other side needs no
// part in it: it hears nothing and nobody reads what it says.
const folder = process.env[CUTS_VARIABLE];
const LOOK_MS = 50;

interface Inner {
  readonly _handle: { readStop(): void } | null;
  _read(): void;
  _write(): void;
  _writev(): void;
}

if (folder !== undefined) {
  const file = join(folder, `${process.pid}`);
  const opened = new Map<Socket, number>();
  let cut: ReadonlySet<number> = new Set();

  const silence = (socket: Socket): void => {
    const inner = socket as unknown as Inner;
    inner._read = () => {};
    inner._write = () => {};
    inner._writev = () => {};
    inner._handle?.readStop();
  };

  const connect = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
    const [first] = args;
    const options: unknown = Array.isArray(first) ? first[0] : first;
    const port = Number(typeof options === 'object' && options !== null && 'port' in options ? options.port : options);
    if (cut.has(port)) return this;
    opened.set(this, port);
    this.once('close', () => opened.delete(this));
    return connect.apply(this, args);
  } as typeof Socket.prototype.connect;

  setInterval(() => {
    let text = '';
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      // Nothing is cut.
    }
    const now = new Set(text.split(',').map(Number));
    for (const [socket, port] of opened) if (now.has(port) && !cut.has(port)) silence(socket);
    cut = now;
  }, LOOK_MS).unref();
}
