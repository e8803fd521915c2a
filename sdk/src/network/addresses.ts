import { type Component, type Multiaddr, multiaddr } from '@multiformats/multiaddr';

const maxAnnounced = 8;
const hosts: ReadonlySet<string> = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6']);
/** What may follow the host: TCP, or a WebSocket over it, with TLS or without. */
const transports: ReadonlySet<string> = new Set(['tcp', 'tcp/ws', 'tcp/tls/ws']);

/** An announced address as one to dial, with the peer id it must prove, or undefined when it is none that we speak. */
export function dialableAddress(text: string, peerId: string): Multiaddr | undefined {
  try {
    const address = multiaddr(text);
    const parts = address.getComponents();
    const relayed = parts.findIndex(({ name }) => name === 'p2p-circuit');
    // A relay is named by its address and who it is; what follows it is who is meant.
    const isReachable = relayed < 0 || isPlace(parts.slice(0, relayed - 1), parts[relayed - 1]);
    const rest = relayed < 0 ? parts : parts.slice(relayed + 1);
    const last = rest.at(-1);
    const named = last?.name === 'p2p' ? last : undefined;
    const before = named === undefined ? rest : rest.slice(0, -1);
    if (!isReachable || (relayed < 0 ? !isHost(before) : before.length > 0)) return undefined;
    if (named === undefined) return address.encapsulate(`/p2p/${peerId}`);
    return named.value === peerId ? address : undefined;
  } catch {
    // A peer wrote it.
    return undefined;
  }
}

function isHost([host, ...transport]: readonly Component[]): boolean {
  return host !== undefined && hosts.has(host.name) && transports.has(transport.map(({ name }) => name).join('/'));
}

function isPlace(host: readonly Component[], peer: Component | undefined): boolean {
  return peer?.name === 'p2p' && isHost(host);
}

/** Own addresses as texts to announce. */
export function addressesOf(addresses: readonly Multiaddr[]): string[] {
  return addresses.slice(0, maxAnnounced).map((address) => address.toString());
}

/** Whether somebody on the local network could reach what listens here. */
export function isOnLan(listen: string): boolean {
  try {
    const [host] = multiaddr(listen).getComponents();
    if (host?.name === 'ip4') return host.value?.startsWith('127.') === false;
    return host?.name === 'ip6' && host.value !== '::1';
  } catch {
    // Listening on it will say what is wrong.
    return false;
  }
}

/** The peer that an address names as the one to reach. */
export function peerIdTextOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast(({ name }) => name === 'p2p')?.value;
}
