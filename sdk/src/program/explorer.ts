interface ExplorerCluster {
  /** The cluster's own RPC node unless it is a public one. */
  readonly rpcUrl: string;
}

/** A link that shows a transaction, for every write that a person asked for. */
export function explorerLink(signature: string, cluster: ExplorerCluster): string {
  return link(`tx/${signature}`, cluster);
}

/** A link that shows an account, by its base58 address. */
export function explorerAccountLink(address: string, cluster: ExplorerCluster): string {
  return link(`address/${address}`, cluster);
}

function link(path: string, cluster: ExplorerCluster): string {
  const url = new URL(`https://explorer.solana.com/${path}`);
  const known = /^https:\/\/api\.(devnet|testnet|mainnet-beta)\.solana\.com\/?$/.exec(cluster.rpcUrl);
  if (known?.[1] !== undefined) url.searchParams.set('cluster', known[1]);
  else {
    url.searchParams.set('cluster', 'custom');
    url.searchParams.set('customUrl', cluster.rpcUrl);
  }
  return url.href;
}
