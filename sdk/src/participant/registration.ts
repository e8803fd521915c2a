import { Connection, type TransactionInstruction } from '@solana/web3.js';
import { chooseCluster } from '../clusters/chooseCluster.ts';
import {
  createProgramClient,
  explorerLink,
  type ProgramAddresses,
  toBase58,
  transactionSigner,
} from '../program/index.ts';
import { type ChainParameters, namedParameters } from '../protocol/index.ts';
import { loadKeypair } from '../runtime/index.ts';

type Signalled = { readonly signal: AbortSignal };

/** Who is registered: the owner's and the identity's public keys. */
export interface RegistrationKeys {
  readonly owner: Uint8Array;
  readonly identity: Uint8Array;
}

/** A registration whose cluster and keys were found and checked. */
export interface Registration {
  /** The parameters of the cluster, such as the least bonds. */
  readonly parameters: ChainParameters;
  /** Sends the instructions in one transaction, signed by owner and identity. Throws what `ProgramClient.send` throws. */
  register(
    instructionsOf: (addresses: ProgramAddresses, keys: RegistrationKeys) => readonly TransactionInstruction[],
    options: Signalled,
  ): Promise<{ readonly participant: string; readonly signature: string; readonly link: string }>;
}

/** Prepares to bond an identity by its owner. Throws `CONFIG_INVALID`, `KEYPAIR_INVALID`, and what reading the cluster throws. */
export async function openRegistration(
  config: Parameters<typeof chooseCluster>[0] & { readonly owner: string; readonly keypair: string },
  { signal }: Signalled,
): Promise<Registration> {
  const cluster = await chooseCluster(config);
  const [owner, identity] = await Promise.all([loadKeypair(config.owner), loadKeypair(config.keypair)]);
  const client = createProgramClient({
    connection: new Connection(cluster.rpcUrl, 'confirmed'),
    programId: cluster.programId,
    payer: transactionSigner(owner),
  });
  return {
    parameters: namedParameters((await client.checkCluster({ signal })).parameters),
    async register(instructionsOf, options) {
      const keys = { owner: owner.publicKey, identity: identity.publicKey };
      const instructions = instructionsOf(client.addresses, keys);
      const { signature } = await client.send(instructions, { ...options, signers: [transactionSigner(identity)] });
      return {
        participant: toBase58(client.addresses.participant(identity.publicKey)),
        signature,
        link: explorerLink(signature, { rpcUrl: cluster.rpcUrl }),
      };
    },
  };
}
