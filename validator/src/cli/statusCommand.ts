import { join } from 'node:path';
import { chooseCluster } from '@karmesh/sdk/clusters/choose';
import { registeredAs } from '@karmesh/sdk/participant';
import { configFiles } from '@karmesh/sdk/participant/settings';
import {
  createChainView,
  createProgramClient,
  EPOCH_STATE,
  NONE,
  toBase58,
  transactionSigner,
} from '@karmesh/sdk/program';
import { isActiveIn, KARMA_PARTS, namedParameters, ownBond, toHex, weightIn } from '@karmesh/sdk/protocol';
import { command, loadKeypair, output } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { readDutyCounts } from '../store/dutyJournal.ts';
import { type StatusConfig, statusSchema } from './config.ts';

const STATE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(EPOCH_STATE).map(([name, value]) => [value, name]),
);

/** `karmesh-validator status`: what a staker wants to know, from the chain and the data folder. It changes nothing and needs no running validator. */
export const statusCommand = command({
  program: 'karmesh validator status',
  summary: 'Shows the epoch, this validator’s stake, karma and duties, and the last root.',
  section: 'validator-status',
  schema: statusSchema,
  files: configFiles,
  async run({ config }, { signal }) {
    output({ json: config.json })().data(await readStatus(config, signal), renderStatus);
    return 0;
  },
});

type Status = Awaited<ReturnType<typeof readStatus>>;

async function readStatus(config: StatusConfig, signal: AbortSignal) {
  const cluster = await chooseCluster(config);
  const keypair = await loadKeypair(config.keypair);
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  const { programId } = cluster;
  await using view = await createChainView({ connection, programId, pollMs: 60_000, signal });
  const account = registeredAs('validator', { view, identity: keypair.publicKey });
  const client = createProgramClient({ connection, programId, payer: transactionSigner(keypair) });
  const chain = view.config();
  const epoch = view.epoch();
  const votingOn = newestClosed(epoch, (one) => view.epochAccount(one) !== undefined);
  const closed = votingOn === undefined ? undefined : view.epochAccount(votingOn);
  const totalStake = weightIn(chain.stake, epoch ?? 0n) ?? 0n;
  const weight = weightIn(account.weights, epoch ?? 0n) ?? 0n;
  return {
    validator: toBase58(account.address),
    epoch: epoch?.toString() ?? null,
    slot: view.slot().toString(),
    slotsLeft:
      epoch === undefined
        ? null
        : (
            chain.epochZeroSlot +
            (epoch + 1n) * namedParameters(chain.parameters).slotsPerEpoch -
            view.slot()
          ).toString(),
    votingOn: votingOn?.toString() ?? null,
    phase: closed === undefined ? 'open' : (STATE_NAMES.get(closed.state) ?? 'unknown'),
    active: epoch !== undefined && isActiveIn(account, epoch),
    stakeLamports: ownBond(account).toString(),
    weightLamports: weight.toString(),
    stakeShareBps: totalStake === 0n ? 0 : Number((weight * 10_000n) / totalStake),
    identityLamports: (await client.balance(keypair.publicKey, { signal })).toString(),
    paidLamports: account.lifetimePaid.toString(),
    karmaMicro: Object.fromEntries(KARMA_PARTS.map((part, i) => [part, (account.karma[i] ?? 0n).toString()])),
    duties: await readDutyCounts(join(config.dataDir, 'duties.json')),
    lastFinalisedEpoch: chain.lastFinalisedEpoch === NONE ? null : chain.lastFinalisedEpoch.toString(),
    lastRoot: toHex(chain.lastRoot),
  };
}

function newestClosed(current: bigint | undefined, has: (epoch: bigint) => boolean): bigint | undefined {
  for (let epoch = (current ?? 0n) - 1n; epoch >= 0n && epoch + 16n > (current ?? 0n); epoch--)
    if (has(epoch)) return epoch;
  return undefined;
}

function renderStatus(status: Status): string {
  const { done, missed, epochs } = status.duties;
  const duty = (name: keyof typeof done): string => `${done[name]} of ${done[name] + missed[name]}`;
  return [
    `validator   ${status.validator}${status.active ? '' : ' (not active yet)'}`,
    `epoch       ${status.epoch ?? 'not started'}, slot ${status.slot}, ${status.slotsLeft ?? '-'} slots left`,
    `voting on   ${status.votingOn ?? '-'} (${status.phase})`,
    `stake       ${status.stakeLamports} lamports, ${(status.stakeShareBps / 100).toFixed(2)} % of all`,
    `identity    ${status.identityLamports} lamports for fees`,
    `karma       ${Object.entries(status.karmaMicro)
      .map(([part, value]) => `${part} ${value}`)
      .join(', ')} (micro-karma)`,
    `duties      over ${epochs} final epochs: attested ${duty('attest')}, salts ${duty('revealSalt')}, seals ${duty('seal')}, reveals ${duty('revealRoot')}`,
    `last root   ${status.lastRoot} (epoch ${status.lastFinalisedEpoch ?? 'none'})`,
  ].join('\n');
}
