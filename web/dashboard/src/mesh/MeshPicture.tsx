import { CENTRE, HEIGHT, layoutMesh, type PlacedPeer, WIDTH } from './layoutMesh.ts';
import type { MeshFacts, PeerRole } from './meshFacts.ts';
import { roleName } from './newsOf.ts';

const LABEL_CHARACTERS = 4;

/** The gateway with its peers around it. The list beside it says all of this in words. */
export function MeshPicture({ mesh }: { readonly mesh: MeshFacts }) {
  const placed = layoutMesh(mesh.peers);
  const connected = mesh.peers.filter(({ isConnected }) => isConnected).length;
  const label = `The gateway and its ${mesh.peers.length} peers, ${connected} of them connected; listed below.`;
  return (
    <svg className="mesh" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      {placed.map((place) => (
        <Edge key={place.peer.identity} place={place} />
      ))}
      {placed.map((place) => (
        <Peer key={place.peer.identity} place={place} />
      ))}
      <g className="peer gateway self">
        <Shape of="gateway" x={CENTRE.x} y={CENTRE.y} size={15} />
        <text x={CENTRE.x} y={CENTRE.y + 32}>
          this gateway
        </text>
      </g>
    </svg>
  );
}

function Edge({ place }: { readonly place: PlacedPeer }) {
  const { peer, x, y } = place;
  const ends = { x1: x, y1: y, x2: CENTRE.x, y2: CENTRE.y };
  if (!peer.isConnected) return <line className="edge lost" {...ends} />;
  return (
    <>
      <line className="edge" {...ends} />
      <line className="beat" {...ends} />
    </>
  );
}

function Peer({ place }: { readonly place: PlacedPeer }) {
  const { hasLabel, peer, x, y } = place;
  const name = (peer.participant ?? peer.identity).slice(0, LABEL_CHARACTERS);
  return (
    <g className={`peer ${peer.role ?? 'unknown'}${peer.isConnected ? '' : ' lost'}`}>
      <Shape of={peer.role} x={x} y={y} size={hasLabel ? 11 : 6} />
      {!peer.isConnected && <path className="cross" d={`M${x - 5} ${y - 5}l10 10m0 -10l-10 10`} />}
      {hasLabel && (
        <text x={x} y={y + 26}>
          {name}
        </text>
      )}
    </g>
  );
}

function Shape(props: { readonly of: PeerRole; readonly x: number; readonly y: number; readonly size: number }) {
  const { of: role, size, x, y } = props;
  if (role === 'worker') return <circle className="shape" cx={x} cy={y} r={size} />;
  if (role === 'validator') {
    const side = size * 1.8;
    return <rect className="shape" x={x - side / 2} y={y - side / 2} width={side} height={side} rx={2} />;
  }
  const long = size * 1.25;
  const isGateway = role === 'gateway';
  const points = isGateway
    ? `${x},${y - long} ${x + long},${y} ${x},${y + long} ${x - long},${y}`
    : `${x},${y - long} ${x + long},${y + size} ${x - long},${y + size}`;
  return <polygon className="shape" points={points} />;
}

/** What the forms mean. */
export function MeshLegend({ roles }: { readonly roles: readonly PeerRole[] }) {
  return (
    <ul className="legend">
      {roles.map((role) => (
        <li key={role ?? 'unknown'}>
          <svg viewBox="0 0 24 24" aria-hidden="true" className={`peer ${role ?? 'unknown'}`}>
            <Shape of={role} x={12} y={12} size={8} />
          </svg>
          {roleName(role)}
        </li>
      ))}
      <li>
        <svg viewBox="0 0 24 24" aria-hidden="true" className="peer lost">
          <Shape of="worker" x={12} y={12} size={8} />
          <path className="cross" d="M8 8l8 8m0 -8l-8 8" />
        </svg>
        lost
      </li>
    </ul>
  );
}
