/** The versioned protocols. A change that an old peer would misread takes a new number. */
export const protocolIds = {
  /** One inference: dispatch, running tokens, seal, reveal, receipt. */
  infer: '/karmesh/infer/3',
  /** An auditor asks a worker for a request and its answer. */
  audit: '/karmesh/audit/1',
  /** A body by its SHA-256. */
  fetch: '/karmesh/fetch/1',
  /** Who else is there: the announcements that a peer has heard. */
  peers: '/karmesh/peers/2',
  /** The distributed hash table in which peers are found by their ids. */
  table: '/karmesh/kad/1',
  /** Beats that show within two seconds that a peer died or froze. */
  alive: '/karmesh/alive/1',
} as const;

/** The gossip topics. A host knows no other unless `createHost` names it. */
export const topics = {
  /** Signed addresses of participants, with how workers are. */
  announce: 'karmesh/announce/2',
  /** Signed batch headers of gateways; their bodies are fetched by hash, as all bodies below are. */
  batches: 'karmesh/batches/1',
  /** Signed verdicts of drawn auditors. */
  verdicts: 'karmesh/verdicts/1',
  /** Where the manifest of an epoch is. */
  manifests: 'karmesh/manifests/1',
  /** Where the report of an epoch is. */
  reports: 'karmesh/reports/1',
} as const;
