/** A link that shows a transaction, for every write that a person asked for. `rpcUrl` is the cluster's own unless it is a public one. */
export function explorerLink(signature: string, cluster: { readonly rpcUrl: string }): string {
  const url = new URL(`https://explorer.solana.com/tx/${signature}`);
  const known = /^https:\/\/api\.(devnet|testnet|mainnet-beta)\.solana\.com\/?$/.exec(cluster.rpcUrl);
  if (known?.[1] !== undefined) url.searchParams.set('cluster', known[1]);
  else {
    url.searchParams.set('cluster', 'custom');
    url.searchParams.set('customUrl', cluster.rpcUrl);
  }
  return url.href;
}
