import type { Cluster } from '@karmesh/sdk/clusters';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  initialise,
  NONE,
  openEscrow,
  type ProgramClient,
  registerGateway,
  registerValidator,
  registerWorker,
  requestAirdrop,
  start,
  transactionSigner,
} from '@karmesh/sdk/program';
import { CHAIN_PARAMETERS, offchainParametersHash, PROTOCOL_VERSION } from '@karmesh/sdk/protocol';
import type { MarketFolder, Member, WorkerEngine } from './folder.ts';

const SOL = 1_000_000_000n;
/** What each key holds at first: bonds, rents and fees of a long day. */
const OWNER_LAMPORTS = 10n * SOL;
const IDENTITY_LAMPORTS = 5n * SOL;
const ESCROW_LAMPORTS = 10n * SOL;

/** What a worker registers with: its measured engine class, and its models' ids. */
export interface WorkerOffer {
  readonly engineClass: Uint8Array;
  readonly models: readonly Uint8Array[];
}

/** By engine; what no member runs may be missing. */
export type WorkerOffers = Readonly<Partial<Record<WorkerEngine, WorkerOffer>>>;

interface Step {
  readonly signal: AbortSignal;
  readonly talk: (sentence: string) => void;
}

/** The transactions that the set-up sent, by what they did. */
export type SetUp = Readonly<Record<string, string>>;

/**
 * Brings a localnet to the point where only the gateway's chain is missing: the program initialised with the preset's parameters,
 * everybody funded, bonded and registered, and the buyer's escrow open. Steps that were done before are passed over.
 */
export async function prepareChain(
  client: ProgramClient,
  options: { readonly folder: MarketFolder; readonly cluster: Cluster; readonly offers: WorkerOffers } & Step,
): Promise<SetUp> {
  const { folder, cluster, offers, signal, talk } = options;
  const done: Record<string, string> = {};
  const members = [folder.gateway, ...folder.workers, ...folder.validators];
  await fund(client, { keys: [folder.treasury.publicKey], lamports: 50n * SOL, signal });
  if ((await client.config({ signal })) === undefined) {
    talk('Initialising the karma program …');
    const genesis = await client.genesisHash({ signal });
    const sent = await client.send(
      [
        initialise(client.addresses, {
          payer: folder.treasury.publicKey,
          genesis,
          version: PROTOCOL_VERSION,
          parameters: CHAIN_PARAMETERS.map((name) => cluster.chain[name]),
          offchainParametersHash: offchainParametersHash(cluster.offchain),
        }),
      ],
      { signal },
    );
    done.initialise = sent.signature;
  }
  await client.checkCluster({ signal });
  talk('Funding, bonding and registering the gateway, the workers and the validators …');
  await Promise.all([
    fund(client, { keys: members.map(({ owner }) => owner.publicKey), lamports: OWNER_LAMPORTS, signal }),
    fund(client, { keys: members.map(({ identity }) => identity.publicKey), lamports: IDENTITY_LAMPORTS, signal }),
  ]);
  // One after the other, so that registration indexes follow the names.
  for (const member of members) {
    const signature = await register(client, { member, cluster, offer: offers[member.engine], signal });
    if (signature !== undefined) done[`register ${member.name}`] = signature;
  }
  const gateway = client.addresses.participant(folder.gateway.identity.publicKey);
  const escrow = client.addresses.escrow(gateway, folder.treasury.publicKey);
  if ((await client.escrow(escrow, { signal })) === undefined) {
    const sent = await client.send(
      [openEscrow(client.addresses, { buyer: folder.treasury.publicKey, gateway, amount: ESCROW_LAMPORTS })],
      { signal },
    );
    done.openEscrow = sent.signature;
  }
  return done;
}

/** P-02: begins epoch 0, unless it has begun. */
export async function startEpochs(
  client: ProgramClient,
  options: { readonly folder: MarketFolder } & Step,
): Promise<void> {
  const config = await client.checkCluster(options);
  if (config.epochZeroSlot !== NONE) return;
  options.talk('Starting epoch 0 …');
  await client.send([start(client.addresses, { initialiser: options.folder.treasury.publicKey })], options);
}

async function register(
  client: ProgramClient,
  options: {
    readonly member: Member;
    readonly cluster: Cluster;
    readonly offer: WorkerOffer | undefined;
    readonly signal: AbortSignal;
  },
): Promise<string | undefined> {
  const { member, cluster, offer, signal } = options;
  const identity = member.identity.publicKey;
  if ((await client.participant(client.addresses.participant(identity), { signal })) !== undefined) return undefined;
  const keys = { owner: member.owner.publicKey, identity };
  const { minWorkerBond, minValidatorBond, minGatewayBond } = cluster.chain;
  const instruction = {
    worker: () => {
      if (offer === undefined) throw new KarmeshError('CONFIG_INVALID', 'A worker has no engine to register.', {});
      return registerWorker(client.addresses, { ...keys, bond: minWorkerBond, ...offer });
    },
    validator: () => registerValidator(client.addresses, { ...keys, bond: minValidatorBond }),
    gateway: () => registerGateway(client.addresses, { ...keys, bond: minGatewayBond }),
  }[member.role]();
  const signers = [transactionSigner(member.owner), transactionSigner(member.identity)];
  return (await client.send([instruction], { signers, signal })).signature;
}

/** Airdrops to every key that holds less than half of `lamports`. */
async function fund(
  client: ProgramClient,
  options: { readonly keys: readonly Uint8Array[]; readonly lamports: bigint; readonly signal: AbortSignal },
): Promise<void> {
  const { keys, lamports, signal } = options;
  await Promise.all(
    keys.map(async (key) => {
      if ((await client.balance(key, { signal })) >= lamports / 2n) return;
      await requestAirdrop(client.connection, { address: key, lamports, signal });
    }),
  );
}
