import type { MeshPeer, PeerRole } from './meshFacts.ts';

export const WIDTH = 400;
export const HEIGHT = 320;
export const CENTRE = { x: WIDTH / 2, y: HEIGHT / 2 };
const RADIUS = { x: 160, y: 120 };
/** Beyond these a second, inner ring is used, and labels would overlap. */
const MAX_ON_RING = 24;
const INNER = 0.62;

/** Workers first, so that they stand together on the ring, then validators. */
const ORDER: readonly PeerRole[] = ['worker', 'validator', 'gateway', null];

export type PlacedPeer = {
  readonly peer: MeshPeer;
  readonly x: number;
  readonly y: number;
  readonly hasLabel: boolean;
};

/** Peers in the order of their role and address, which stays as they come and go. */
export function sortedPeers(peers: readonly MeshPeer[]): readonly MeshPeer[] {
  const key = ({ identity, participant, role }: MeshPeer): string =>
    `${ORDER.indexOf(role)} ${participant ?? ''} ${identity}`;
  return peers.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Places peers on a ring around the gateway, clockwise from the left. */
export function layoutMesh(peers: readonly MeshPeer[]): readonly PlacedPeer[] {
  const isCrowded = peers.length > MAX_ON_RING;
  return sortedPeers(peers).map((peer, i) => {
    const angle = Math.PI * (1 + (2 * (i + 0.5)) / peers.length);
    const scale = isCrowded && i % 2 === 1 ? INNER : 1;
    return {
      peer,
      x: Math.round(CENTRE.x + scale * RADIUS.x * Math.cos(angle)),
      y: Math.round(CENTRE.y + scale * RADIUS.y * Math.sin(angle)),
      hasLabel: !isCrowded,
    };
  });
}
