import { join } from 'node:path';
import { chooseCluster } from '@karmesh/sdk/clusters/choose';
import { registeredAs } from '@karmesh/sdk/participant';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { owedLines, readOwed } from '@karmesh/sdk/participant/staking';
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
import type { VoteFacts } from '../chain/chainReader.ts';
import { followChain } from '../chain/followChain.ts';
import { peekClaimable } from '../epoch/peekClaimable.ts';
import { peekProtectionLog, protectionPath } from '../slashingProtection/protectionLog.ts';
import { readDutyCounts } from '../store/dutyJournal.ts';
import { upcomingDuty } from '../upcoming.ts';
import { registerSchema, type StatusConfig, startSchema, statusSchema } from './config.ts';

const STATE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(EPOCH_STATE).map(([name, value]) => [value, name]),
);

/** `karmesh-validator status`: what a staker wants to know, from the chain and the data folder. It changes nothing and needs no running validator. */
export const statusCommand = command({
  program: 'karmesh validator status',
  summary: 'Shows the epoch, this validator’s stake, karma, votes and duties, what comes next and the last root.',
  section: 'validator',
  schema: statusSchema,
  sharedWith: [startSchema, registerSchema],
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
  const reader = followChain({ view, client, me: account.address });
  await reader.refresh({ signal });
  const { slotMs } = cluster.presets[0] ?? { slotMs: 400 };
  const next = upcomingDuty({
    slot: view.slot(),
    config: reader.config(),
    epochs: reader.epochs(),
    vote: reader.vote,
  });
  const newest = (await peekProtectionLog(protectionPath(config.dataDir)))?.newest();
  const epoch = view.epoch();
  const votingOn = newestClosed(epoch, (one) => view.epochAccount(one) !== undefined);
  const closed = votingOn === undefined ? undefined : view.epochAccount(votingOn);
  const now = {
    slot: view.slot(),
    slotMs,
    epochZeroSlot: chain.started === 0 || chain.epochZeroSlot === NONE ? undefined : chain.epochZeroSlot,
    slotsPerEpoch: namedParameters(chain.parameters).slotsPerEpoch,
  };
  const owner = { participant: account, staker: account.owner };
  const owed = await readOwed({ client, config: chain, now, epoch }, owner, { signal });
  const claimableLamports = await peekClaimable(config.dataDir, {
    config: chain,
    lastFinal: view.epochAccount(chain.lastFinalisedEpoch),
    participant: account,
  });
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
    claimableLamports,
    owed,
    karmaMicro: Object.fromEntries(KARMA_PARTS.map((part, i) => [part, (account.karma[i] ?? 0n).toString()])),
    duties: await readDutyCounts(join(config.dataDir, 'duties.json')),
    votes: reader
      .epochs()
      .filter(({ state }) => state !== 'finalised')
      .map(({ epoch: of, state }) => ({ epoch: of.toString(), phase: state, ...votedOf(reader.vote(of)) })),
    newestSigned:
      newest === undefined
        ? null
        : {
            attestation: newest.attestation.toString(),
            rootVote: newest.rootVote.toString(),
            verdict: newest.verdict.toString(),
          },
    next:
      next === undefined
        ? null
        : {
            duty: next.duty,
            epoch: next.epoch.toString(),
            inSeconds: Math.max(0, Math.round((Number(next.fromSlot - view.slot()) * slotMs) / 1000)),
          },
    lastFinalisedEpoch: chain.lastFinalisedEpoch === NONE ? null : chain.lastFinalisedEpoch.toString(),
    lastRoot: toHex(chain.lastRoot),
  };
}

function votedOf(vote: VoteFacts | undefined) {
  return {
    attested: vote?.attested === true,
    saltRevealed: vote?.saltRevealed === true,
    sealed: vote?.sealed === true,
    revealed: vote?.revealed === true,
  };
}

function newestClosed(current: bigint | undefined, has: (epoch: bigint) => boolean): bigint | undefined {
  for (let epoch = (current ?? 0n) - 1n; epoch >= 0n && epoch + 16n > (current ?? 0n); epoch--)
    if (has(epoch)) return epoch;
  return undefined;
}

const KINDS = ['attested', 'saltRevealed', 'sealed', 'revealed'] as const;
const KIND_NAMES = { attested: 'attested', saltRevealed: 'salt', sealed: 'sealed', revealed: 'revealed' } as const;

function renderStatus(status: Status): string {
  const { done, missed, epochs } = status.duties;
  const duty = (name: keyof typeof done): string => {
    const due = done[name] + missed[name];
    return due === 0 ? 'none due' : `${done[name]} of ${due} (${((100 * done[name]) / due).toFixed(1)} %)`;
  };
  const said = (epoch: string): string => (epoch === '-1' ? 'none' : `epoch ${epoch}`);
  const { newestSigned, next } = status;
  return [
    `validator   ${status.validator}${status.active ? '' : ' (not active yet)'}`,
    `epoch       ${status.epoch ?? 'not started'}, slot ${status.slot}, ${status.slotsLeft ?? '-'} slots left`,
    `voting on   ${status.votingOn ?? '-'} (${status.phase})`,
    `stake       ${status.stakeLamports} lamports, ${(status.stakeShareBps / 100).toFixed(2)} % of all`,
    `identity    ${status.identityLamports} lamports for fees`,
    ...owedLines(status.owed, status.claimableLamports),
    `karma       ${Object.entries(status.karmaMicro)
      .map(([part, value]) => `${part} ${value}`)
      .join(', ')} (micro-karma)`,
    `duties      kept over ${epochs} final epochs: attested ${duty('attest')}, salts ${duty('revealSalt')}, seals ${duty('seal')}, reveals ${duty('revealRoot')}`,
    ...status.votes.map(
      (vote, i) =>
        `${i === 0 ? 'votes       ' : '            '}epoch ${vote.epoch} (${vote.phase}): ${KINDS.map((kind) => `${KIND_NAMES[kind]} ${vote[kind] ? '✓' : '–'}`).join(', ')}`,
    ),
    newestSigned === null
      ? `signed      nothing from this data folder`
      : `signed      attestation ${said(newestSigned.attestation)}, root vote ${said(newestSigned.rootVote)}, verdict ${said(newestSigned.verdict)}`,
    next === null
      ? 'next        the first epoch has not begun'
      : `next        ${next.duty}, epoch ${next.epoch}, ${next.inSeconds === 0 ? 'now' : `in about ${shownTime(next.inSeconds)}`}`,
    `last root   ${status.lastRoot} (epoch ${status.lastFinalisedEpoch ?? 'none'})`,
  ].join('\n');
}

function shownTime(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
