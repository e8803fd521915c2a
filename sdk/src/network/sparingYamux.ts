import { yamux } from '@chainsafe/libp2p-yamux';
import type { Connection, MessageStream, StreamMuxer } from '@libp2p/interface';
import { concatBytes } from '../protocol/bytes.ts';

type MuxerFactory = ReturnType<typeof yamux>;

/** What of a yamux stream decides when its window is renewed. */
interface Windowed {
  readonly state: number;
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate(): void;
}

interface StreamMaker {
  _newStream(...args: readonly unknown[]): Windowed;
}

/** The state of a stream that both sides have acknowledged and nobody has paused; in the others a window update says something else too. */
const ESTABLISHED = 3;
const maxHeldBytes = 65_536;

/**
 * libp2p's yamux, for many small frames. By itself it answers every frame with a window update, and every frame is sealed and written
 * on its own. Here a window is renewed once half of it is used, as the implementations in Rust and Go do, and what one turn of the
 * event loop sends over a connection leaves in one piece.
 */
export const sparingYamux =
  (init: Parameters<typeof yamux>[0]): MuxerFactory =>
  (...components) => {
    const factory = yamux(init)(...components);
    const create = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection) => {
      const flush = holdTurns(connection);
      const muxer = create(connection);
      connection.addEventListener('message', () => heardMs.set(muxer, performance.now()));
      spareWindows(muxer);
      const close = muxer.close.bind(muxer);
      // What lies beneath is closed next, and by another handle.
      muxer.close = async (options) => {
        await close(options);
        flush();
      };
      return muxer;
    };
    return factory;
  };

const heardMs = new WeakMap<StreamMuxer, number>();

/** When a connection last brought anything, by `performance.now()`; undefined for one that `sparingYamux` does not carry, or that was silent so far. */
export function lastHeardMs(connection: Connection): number | undefined {
  // libp2p's connections hold their muxer, though their interface does not show it.
  const { muxer } = connection as { readonly muxer?: StreamMuxer };
  return muxer === undefined ? undefined : heardMs.get(muxer);
}

function spareWindows(muxer: StreamMuxer): void {
  const maker = muxer as unknown as StreamMaker;
  const make = maker._newStream.bind(maker);
  maker._newStream = (...args) => {
    const stream = make(...args);
    const update = stream.sendWindowUpdate.bind(stream);
    stream.sendWindowUpdate = () => {
      const used = stream.recvWindow - stream.recvWindowCapacity;
      if (stream.state !== ESTABLISHED || 2 * used >= stream.recvWindow) update();
    };
    return stream;
  };
}

/** Holds back what is sent over a connection until the end of the turn. The result sends it at once. */
function holdTurns(connection: MessageStream): () => void {
  const send = connection.send.bind(connection);
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let mayGoOn = true;
  const flush = (): void => {
    const all = held.length === 1 && held[0] !== undefined ? held[0] : concatBytes(...held);
    held = [];
    heldBytes = 0;
    // A connection that has gone meanwhile has said so to everybody.
    if (all.length === 0 || connection.status !== 'open') return;
    try {
      mayGoOn = send(all);
    } catch (error) {
      // What lies beneath is already closing.
      connection.abort(error instanceof Error ? error : new Error(String(error)));
    }
  };
  connection.send = (data) => {
    if (heldBytes === 0) setImmediate(flush);
    held.push(data.subarray());
    heldBytes += data.byteLength;
    if (heldBytes >= maxHeldBytes) flush();
    return mayGoOn;
  };
  connection.addEventListener('drain', () => {
    mayGoOn = true;
  });
  return flush;
}
