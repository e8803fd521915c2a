import { KarmeshError } from '@karmesh/sdk/errors';
import { type OpenCluster, openCluster, typedAddress } from '@karmesh/sdk/participant/staking';
import { type ParticipantAccount, type ProposalAccount, ROLE, toBase58 } from '@karmesh/sdk/program';
import { equalBytes } from '@karmesh/sdk/protocol';
import { type Keypair, loadKeypair } from '@karmesh/sdk/runtime';

type Settings = Parameters<typeof openCluster>[0] & { readonly keypair: string };
type Signalled = { readonly signal: AbortSignal };

/** A cluster with the identity that signs. Throws what reading the keypair and the cluster throws. */
export async function openGovernance(
  settings: Settings,
  options: Signalled,
): Promise<OpenCluster & { readonly keypair: Keypair }> {
  const keypair = await loadKeypair(settings.keypair);
  return { ...(await openCluster(settings, keypair, options)), keypair };
}

/** The validator whose newest identity the keypair is. Throws `CONFIG_INVALID` if there is none. */
export async function ownValidator(
  { client, keypair }: OpenCluster & { readonly keypair: Keypair },
  options: Signalled,
): Promise<ParticipantAccount> {
  const identity = keypair.publicKey;
  const found = (await client.participants(options)).find(
    (one) => one.role === ROLE.validator && equalBytes(one.identity, identity),
  );
  if (found !== undefined) return found;
  throw new KarmeshError('CONFIG_INVALID', 'Validators vote with their identity; this is the newest one of none.', {
    key: toBase58(identity),
    flag: '--keypair',
  });
}

/** The proposal at the address that was typed. Throws `CONFIG_INVALID` if there is none. */
export async function namedProposal(
  { client }: OpenCluster,
  text: string,
  options: Signalled,
): Promise<ProposalAccount> {
  const address = typedAddress(text, 'proposal');
  const proposal = (await client.proposals(options)).find((one) => equalBytes(one.address, address));
  if (proposal !== undefined) return proposal;
  throw new KarmeshError('CONFIG_INVALID', 'There is no proposal at this address; `proposals` lists them.', {
    proposal: text,
  });
}
