/** The cluster that `npm run test:program -- --url URL` names, with who pays there; undefined in every other run. */
export const liveCluster: { readonly rpcUrl: string; readonly keypair: string | undefined } | undefined =
  process.env.KARMESH_TEST_RPC_URL === undefined
    ? undefined
    : { rpcUrl: process.env.KARMESH_TEST_RPC_URL, keypair: process.env.KARMESH_TEST_KEYPAIR };
