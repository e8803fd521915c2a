import { Address } from '../page/Address.tsx';
import { durationOf } from '../page/durationOf.ts';
import { Heading } from '../page/Heading.tsx';
import { useFeed } from '../page/useFeed.ts';
import { sortedPeers } from './layoutMesh.ts';
import { MeshLegend, MeshPicture } from './MeshPicture.tsx';
import { type MeshFacts, type MeshPeer, meshFeed, type PeerRole } from './meshFacts.ts';
import { newsOf, sentenceOfChange } from './newsOf.ts';
import { useNews } from './useNews.ts';

const GROUPS: readonly { readonly role: PeerRole; readonly name: string }[] = [
  { role: 'worker', name: 'Workers' },
  { role: 'validator', name: 'Validators' },
  { role: 'gateway', name: 'Other gateways' },
  { role: null, name: 'Peers that the chain does not know' },
];

/** The mesh as the gateway sees it, live. */
export function MeshView() {
  const { failure, value: mesh } = useFeed(meshFeed);
  const news = useNews(mesh?.changes);
  return (
    <>
      <Heading>The mesh</Heading>
      <p className="lead">
        This gateway’s own connections, as they come and go: a peer that dies or freezes is noticed within two seconds.
        How the others are connected among themselves no gateway knows, so that it is not drawn.
      </p>
      {failure !== undefined && <p role="alert">{`Not live: ${failure}`}</p>}
      {mesh === undefined && failure === undefined && <p>Connecting …</p>}
      {mesh !== undefined && (
        <>
          <p role="status" className={news.some(({ isConnected }) => !isConnected) ? 'news bad' : 'news'}>
            {news.length === 0 ? standingOf(mesh) : newsOf(news)}
          </p>
          <div className="mesh-pane">
            <figure className={failure === undefined ? undefined : 'stale'}>
              <MeshPicture mesh={mesh} />
              <figcaption>
                <MeshLegend roles={GROUPS.map(({ role }) => role).filter((role) => of(mesh, role).length > 0)} />
              </figcaption>
            </figure>
            <div>
              {GROUPS.map(({ role, name }) => (
                <Group key={name} name={name} peers={of(mesh, role)} atMs={mesh.atMs} />
              ))}
              <p className="small">
                Who opened a connection measures its round trip, so that it stands where this gateway did.
              </p>
              {mesh.total > mesh.peers.length && (
                <p>
                  The first {mesh.peers.length} of {mesh.total} peers.
                </p>
              )}
            </div>
          </div>
          <Changes mesh={mesh} />
        </>
      )}
    </>
  );
}

function of({ peers }: MeshFacts, role: PeerRole): readonly MeshPeer[] {
  return sortedPeers(peers.filter((peer) => peer.role === role));
}

function standingOf(mesh: MeshFacts): string {
  const lost = mesh.peers.filter(({ isConnected }) => !isConnected).length;
  const connected = `${mesh.peers.length - lost} peers are connected`;
  return lost === 0 ? `${connected}.` : `${connected}, ${lost} were lost in the last minutes.`;
}

function Group(props: { readonly name: string; readonly peers: readonly MeshPeer[]; readonly atMs: number }) {
  const { atMs, name, peers } = props;
  if (peers.length === 0) return null;
  const connected = peers.filter(({ isConnected }) => isConnected).length;
  return (
    <section>
      <h2>
        {name}{' '}
        <small>
          {connected === peers.length ? `${connected} connected` : `${connected} of ${peers.length} connected`}
        </small>
      </h2>
      <ul className="peers">
        {peers.map((peer) => (
          <li key={peer.identity} className={peer.isConnected ? undefined : 'lost'}>
            <Address address={peer.participant ?? peer.identity} />
            <p className="small">{peer.isConnected ? connectedSentence(peer, atMs) : lostSentence(peer, atMs)}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function connectedSentence({ announcedMs, roundTripMs, sinceMs }: MeshPeer, atMs: number): string {
  const parts = [
    `Connected for ${durationOf(atMs - sinceMs)}`,
    roundTripMs === null ? undefined : `round trip ${roundTripMs < 1 ? 'under 1' : Math.round(roundTripMs)} ms`,
    announcedMs === null ? undefined : `announced itself ${durationOf(atMs - announcedMs)} ago`,
  ];
  return `${parts.filter((part) => part !== undefined).join(', ')}.`;
}

function lostSentence({ lost, sinceMs }: MeshPeer, atMs: number): string {
  return `Lost ${durationOf(atMs - sinceMs)} ago: ${lost?.reason ?? 'nobody knows why.'}`;
}

function Changes({ mesh }: { readonly mesh: MeshFacts }) {
  if (mesh.changes.length === 0) return null;
  return (
    <section>
      <h2>What happened</h2>
      <ol className="changes" reversed>
        {mesh.changes.toReversed().map((change) => (
          <li key={change.number}>
            <time dateTime={new Date(change.atMs).toISOString()}>{new Date(change.atMs).toLocaleTimeString()}</time>{' '}
            {sentenceOfChange(change)}
          </li>
        ))}
      </ol>
    </section>
  );
}
