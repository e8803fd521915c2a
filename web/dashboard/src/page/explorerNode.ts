/** By genesis hash. An explorer is sent to the public node, never to the visitor's own, whose URL may hold a key. */
const PUBLIC_NODES: Readonly<Record<string, string>> = {
  EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG: 'https://api.devnet.solana.com',
  '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d': 'https://api.mainnet-beta.solana.com',
};

/** A public RPC node of the cluster with this genesis; undefined for one that no explorer knows, as a local one. */
export function explorerNode(genesisHash: string | undefined): string | undefined {
  return genesisHash === undefined ? undefined : PUBLIC_NODES[genesisHash];
}
