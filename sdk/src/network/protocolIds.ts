/** The versioned protocols. A change that an old peer would misread takes a new number. */
export const protocolIds = {
  /** One inference: dispatch, running tokens, seal, reveal, receipt. */
  infer: '/karmesh/infer/1',
  /** An auditor asks a worker for a request and its answer. */
  audit: '/karmesh/audit/1',
  /** A body by its SHA-256. */
  fetch: '/karmesh/fetch/1',
  /** Beats that show within two seconds that a peer died or froze. */
  alive: '/karmesh/alive/1',
} as const;

/** The gossip topics. A host takes part in no other unless `createHost` names it. */
export const topics = {
  /** Signed addresses of participants. */
  announce: 'karmesh/announce/1',
  /** Signed batch headers: root, count and hash of a body that is fetched by that hash. */
  batch: 'karmesh/batch/1',
  /** Signed hashes of epoch manifests, verdicts and reports, whose bodies are fetched. */
  epoch: 'karmesh/epoch/1',
} as const;
