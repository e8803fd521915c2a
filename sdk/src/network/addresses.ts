import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';

const maxAnnounced = 8;
const transports: ReadonlySet<string> = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6', 'tcp', 'p2p']);

/** An announced address as one to dial, with the peer id it must prove, or undefined when it is none that we speak. */
export function dialableAddress(text: string, peerId: string): Multiaddr | undefined {
  try {
    const address = multiaddr(text);
    const parts = address.getComponents();
    const [host, port, peer] = parts;
    if (host === undefined || port?.name !== 'tcp' || parts.length > 3) return undefined;
    if (parts.some(({ name }) => !transports.has(name))) return undefined;
    if (peer === undefined) return address.encapsulate(`/p2p/${peerId}`);
    return peer.name === 'p2p' && peer.value === peerId ? address : undefined;
  } catch {
    // A peer wrote it.
    return undefined;
  }
}

/** Own addresses as texts to announce. */
export function addressesOf(addresses: readonly Multiaddr[]): string[] {
  return addresses.slice(0, maxAnnounced).map((address) => address.toString());
}
