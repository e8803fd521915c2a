import { type CreateHostOptions, createHost, type Host, type PeerEvent } from '@karmesh/sdk/network';
import { generateKeypair } from '@karmesh/sdk/runtime';

export const domain = new Uint8Array(32).fill(7);
export const echoProtocol = '/karmesh/echo/1';

/** A host on a free port of loopback. */
export function openHost(options: Partial<CreateHostOptions> = {}): Promise<Host> {
  return createHost({ keypair: generateKeypair(), domain, localnet: true, ...options });
}

/** Answers each frame with itself. */
export async function serveEcho(host: Host): Promise<void> {
  await host.handle({
    protocol: echoProtocol,
    maxStreams: 64,
    handler: async (stream) => {
      for (let frame = await stream.receive(); frame !== undefined; frame = await stream.receive()) {
        await stream.send(frame);
      }
    },
  });
}

/** The next event of a kind, and when it came. Listens from the call on. */
export function nextEvent<K extends PeerEvent['kind']>(
  host: Host,
  kind: K,
): Promise<{ readonly event: Extract<PeerEvent, { kind: K }>; readonly atMs: number }> {
  return new Promise((resolve) => {
    const stop = host.onPeer((event) => {
      if (!isKind(event, kind)) return;
      stop();
      resolve({ event, atMs: performance.now() });
    });
  });
}

function isKind<K extends PeerEvent['kind']>(event: PeerEvent, kind: K): event is Extract<PeerEvent, { kind: K }> {
  return event.kind === kind;
}
