import { join } from 'node:path';
import { readModel } from '@karmesh/node/models';
import { type ChosenCluster, chooseCluster } from '@karmesh/sdk/clusters/choose';
import { KarmeshError } from '@karmesh/sdk/errors';
import { releasedProgramHash } from '@karmesh/sdk/participant';
import { configFiles } from '@karmesh/sdk/participant/settings';
import {
  type ConfigAccount,
  checkProgramHash,
  createProgramClient,
  type ParticipantAccount,
  type ProgramClient,
  ROLE,
  readProgram,
  rpcRequest,
  toBase58,
  transactionSigner,
} from '@karmesh/sdk/program';
import { epochOfSlot, equalBytes, isActiveIn, namedParameters, ownBond, toHex } from '@karmesh/sdk/protocol';
import {
  acquireLockFile,
  command,
  exitCodes,
  generateKeypair,
  type Keypair,
  loadKeypair,
  output,
} from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { checkClock } from '../doctor/checkClock.ts';
import { checkDisk } from '../doctor/checkDisk.ts';
import { judgeFees, readFees } from '../doctor/checkFees.ts';
import { checkBootstrap, checkPorts, tcpPlaceOf } from '../doctor/checkPorts.ts';
import { checkProtection } from '../doctor/checkProtection.ts';
import { checkVoting } from '../doctor/checkVoting.ts';
import { type Found, failed, ok, warning } from '../doctor/finding.ts';
import { type Check, renderFindings, runChecks } from '../doctor/runChecks.ts';
import { checkParameters } from './checkRelease.ts';
import { type DoctorConfig, doctorSchema, registerSchema } from './config.ts';

/** What earlier checks found out and later ones need. */
interface Known {
  keypair?: Keypair;
  cluster?: ChosenCluster;
  connection?: Connection;
  client?: ProgramClient;
  chain?: ConfigAccount;
  account?: ParticipantAccount;
}

/** `karmesh-validator doctor`: what would keep this validator from its duties, before it does. It reads the settings of `start` and changes nothing. */
export const doctorCommand = command({
  program: 'karmesh validator doctor',
  summary:
    'Checks keys, cluster, program, stake, votes, lamports, disk, protection log, models and peers, and says what to do.',
  section: 'validator',
  schema: doctorSchema,
  sharedWith: [registerSchema],
  files: configFiles,
  async run({ config }, { signal }) {
    const findings = await runChecks(checksOf(config), { signal });
    const isWell = findings.every(({ severity }) => severity !== 'failed');
    output({ json: config.json })().data({ ok: isWell, checks: findings }, ({ checks }) => renderFindings(checks));
    return isWell ? exitCodes.ok : exitCodes.failed;
  },
});

function checksOf(config: DoctorConfig): readonly Check[] {
  const known: Known = {};
  const { dataDir } = config;
  return [
    { name: 'keypair', run: async () => keypairFound(config, known) },
    { name: 'cluster', run: ({ signal }) => clusterFound(config, known, signal) },
    {
      name: 'program',
      run: async ({ signal }) => {
        const { connection, cluster } = known;
        if (connection === undefined || cluster === undefined) return unknown('the cluster');
        const { programId } = cluster;
        const program = await readProgram(connection, { programId, signal });
        checkProgramHash(program, { programId, expected: config.programHash ?? (await releasedProgramHash()) });
        const runs = `The cluster runs the program of this release, ${program.sha256.slice(0, 16)}….`;
        return program.upgradeAuthority === undefined
          ? ok(runs)
          : warning(
              `${runs} ${toBase58(program.upgradeAuthority)} can replace it.`,
              'Trust that key, or ask for an authority that nobody holds.',
            );
      },
    },
    {
      name: 'parameters',
      run: async () => {
        const { cluster, chain } = known;
        if (cluster === undefined || chain === undefined) return unknown('the cluster');
        checkParameters(cluster, chain);
        return ok('The cluster’s parameters are those of its preset.');
      },
    },
    { name: 'registration', run: ({ signal }) => registrationFound(known, signal) },
    {
      name: 'votes',
      run: async ({ signal }) => {
        const { connection, client, chain } = known;
        if (connection === undefined || client === undefined || chain === undefined) return unknown('the cluster');
        return checkVoting(client, { chain, slot: await slotNow(connection, signal), signal });
      },
    },
    {
      name: 'lamports',
      run: async ({ signal }) => {
        const { connection, client, keypair } = known;
        if (connection === undefined || client === undefined || keypair === undefined) return unknown('the cluster');
        const payer = keypair.publicKey;
        const [fees, balance] = await Promise.all([
          readFees(connection, { payer, signal }),
          client.balance(payer, { signal }),
        ]);
        return judgeFees({ balance, ...fees }, { wantedEpochs: config.epochs, identity: toBase58(payer) });
      },
    },
    {
      name: 'clock',
      run: async ({ signal }) =>
        known.connection === undefined
          ? unknown('the cluster')
          : checkClock(known.connection, { signal, nowMs: Date.now }),
    },
    { name: 'disk', run: ({ signal }) => checkDisk(dataDir, { signal, nowMs: () => performance.now() }) },
    {
      name: 'protection log',
      run: async () => {
        const { chain, cluster, account, keypair } = known;
        const isKnown = chain !== undefined && cluster !== undefined && account !== undefined && keypair !== undefined;
        const owner = isKnown
          ? {
              genesis: chain.genesis,
              programId: cluster.programId,
              participant: account.address,
              identity: keypair.publicKey,
            }
          : undefined;
        return checkProtection(dataDir, owner);
      },
    },
    { name: 'models', run: ({ signal }) => modelsFound([...config.models, ...config.exactModels], signal) },
    {
      name: 'ports',
      run: async () => {
        const health = { host: config.healthHost, port: config.healthPort };
        const places = [...config.listen.flatMap((text) => tcpPlaceOf(text) ?? []), health];
        return checkPorts(places, { isRunning: await isRunning(dataDir) });
      },
    },
    {
      name: 'peers',
      run: ({ signal }) => checkBootstrap(config.bootstrap, { isLocal: known.cluster?.isLocal ?? false, signal }),
    },
  ];
}

function unknown(what: string): Found {
  return warning(`Not checked, since ${what} is not known.`, 'Mend what failed above, and run this again.');
}

async function keypairFound(config: DoctorConfig, known: Known): Promise<Found> {
  known.keypair = await loadKeypair(config.keypair);
  return ok(`${config.keypair} is ${toBase58(known.keypair.publicKey)}, and others cannot read it.`);
}

async function clusterFound(config: DoctorConfig, known: Known, signal: AbortSignal): Promise<Found> {
  const cluster = await chooseCluster(config);
  const { programId } = cluster;
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  // It only reads.
  const payer = known.keypair ?? generateKeypair();
  const client = createProgramClient({ connection, programId, payer: transactionSigner(payer) });
  known.cluster = cluster;
  const began = performance.now();
  const chain = await client.checkCluster({ signal });
  const ms = Math.round(performance.now() - began);
  Object.assign(known, { connection, client, chain });
  const node = new URL(cluster.rpcUrl).origin;
  const sentence = `${node} answered in ${ms} ms; genesis ${toBase58(chain.genesis)}.`;
  return ms > 2_000 ? warning(sentence, 'Use a nearer RPC node with --url: votes have deadlines.') : ok(sentence);
}

async function registrationFound(known: Known, signal: AbortSignal): Promise<Found> {
  const { client, chain, connection, keypair } = known;
  if (client === undefined || chain === undefined || connection === undefined) return unknown('the cluster');
  if (keypair === undefined) return unknown('the identity');
  const identity = keypair.publicKey;
  const account = (await client.participants({ signal })).find(
    (one) => one.role === ROLE.validator && equalBytes(one.identity, identity),
  );
  if (account === undefined)
    return failed(
      `No validator is registered with ${toBase58(identity)}.`,
      'Bond one with karmesh validator register, or name its identity with --keypair.',
    );
  known.account = account;
  const slot = await slotNow(connection, signal);
  const { slotsPerEpoch } = namedParameters(chain.parameters);
  const epochZeroSlot = chain.started === 0 ? undefined : chain.epochZeroSlot;
  const epoch = epochOfSlot({ epochZeroSlot, slotsPerEpoch }, slot);
  const sentence = `${toBase58(account.address)} has bonded ${ownBond(account)} lamports`;
  if (epoch === undefined) return warning(`${sentence}; epochs have not begun.`, 'Wait for the cluster’s start.');
  if (isActiveIn(account, epoch)) return ok(`${sentence} and is active.`);
  return account.activeFromEpoch > epoch
    ? warning(`${sentence} and is active from epoch ${account.activeFromEpoch} on.`, `Wait: this is epoch ${epoch}.`)
    : failed(
        `${sentence}, which gives it no weight in epoch ${epoch}.`,
        'Its owner’s stake is below the minimum of its role; stake more.',
      );
}

async function slotNow(connection: Connection, signal: AbortSignal): Promise<bigint> {
  return BigInt(await rpcRequest(connection, 'getSlot', { signal }, () => connection.getSlot('confirmed')));
}

async function modelsFound(paths: readonly string[], signal: AbortSignal): Promise<Found> {
  const ids: string[] = [];
  for (const path of new Set(paths)) ids.push(toHex((await readModel(path, { signal })).modelId).slice(0, 16));
  return ids.length === 0
    ? warning('It has no models, so that it audits nothing and earns less.', 'Name GGUF files with --models.')
    : ok(`It can audit ${ids.length === 1 ? 'the model' : 'the models'} ${ids.join('…, ')}….`);
}

/** Whether a validator holds the folder. */
async function isRunning(dataDir: string): Promise<boolean> {
  try {
    await using _ = await acquireLockFile(join(dataDir, 'lock'));
    return false;
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'STORE_LOCKED') return true;
    throw error;
  }
}
