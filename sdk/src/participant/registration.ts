import { Connection, type TransactionInstruction } from '@solana/web3.js';
import { chooseCluster } from '../clusters/chooseCluster.ts';
import {
  createProgramClient,
  explorerLink,
  type ProgramAddresses,
  toBase58,
  transactionSigner,
} from '../program/index.ts';
import { type ChainParameters, type Domain, equalBytes, namedParameters } from '../protocol/index.ts';
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
  readonly domain: Domain;
  /**
   * Sends the instructions in one transaction, signed by owner and identity, or says under `dryRun` what that would do. Throws what
   * `ProgramClient.send` and `simulate` throw.
   */
  register(
    instructionsOf: (addresses: ProgramAddresses, keys: RegistrationKeys) => readonly TransactionInstruction[],
    options: Signalled,
  ): Promise<Registered>;
}

/** What came of a registration, or would have. */
export type Registered = { readonly participant: string } & (
  | { readonly dryRun: false; readonly signature: string; readonly link: string }
  | {
      readonly dryRun: true;
      readonly instructions: readonly string[];
      readonly signers: readonly { readonly role: 'owner' | 'identity'; readonly address: string }[];
      readonly feeLamports: bigint;
      /** What the owner would pay in all: bond, deposit, rent and fee. */
      readonly costLamports: bigint;
      readonly computeUnits: number;
    }
);

/** The last lines that a person reads of a registration: where to see it, or what it would take. */
export function registeredLines(registered: Registered): readonly string[] {
  if (!registered.dryRun) return [registered.link];
  const { instructions, signers, feeLamports, costLamports, computeUnits } = registered;
  return [
    `instructions  ${instructions.join(', ')}`,
    ...signers.map(({ role, address }, i) => `${i === 0 ? 'signed by' : '         '}     ${address} (${role})`),
    `costs         ${costLamports} lamports to the owner, ${feeLamports} of them as fee`,
    `runs          ${computeUnits} compute units`,
    'Nothing was signed or sent.',
  ];
}

/** Prepares to bond an identity by its owner. Throws `CONFIG_INVALID`, `KEYPAIR_INVALID`, and what reading the cluster throws. */
export async function openRegistration(
  config: Parameters<typeof chooseCluster>[0] & {
    readonly owner: string;
    readonly keypair: string;
    readonly dryRun: boolean;
  },
  { signal }: Signalled,
): Promise<Registration> {
  const cluster = await chooseCluster(config);
  const [owner, identity] = await Promise.all([loadKeypair(config.owner), loadKeypair(config.keypair)]);
  const client = createProgramClient({
    connection: new Connection(cluster.rpcUrl, 'confirmed'),
    programId: cluster.programId,
    payer: transactionSigner(owner),
  });
  const chain = await client.checkCluster({ signal });
  return {
    parameters: namedParameters(chain.parameters),
    domain: chain.domain,
    async register(instructionsOf, options) {
      const keys = { owner: owner.publicKey, identity: identity.publicKey };
      const instructions = instructionsOf(client.addresses, keys);
      const participant = toBase58(client.addresses.participant(identity.publicKey));
      if (config.dryRun) {
        const { signers, ...simulated } = await client.simulate(instructions, options);
        const roleOf = (key: Uint8Array) => (equalBytes(key, owner.publicKey) ? 'owner' : 'identity');
        return {
          participant,
          dryRun: true,
          ...simulated,
          signers: signers.map((key) => ({ role: roleOf(key), address: toBase58(key) })),
        };
      }
      const { signature } = await client.send(instructions, { ...options, signers: [transactionSigner(identity)] });
      return {
        participant,
        dryRun: false,
        signature,
        link: explorerLink(signature, { rpcUrl: cluster.rpcUrl }),
      };
    },
  };
}
