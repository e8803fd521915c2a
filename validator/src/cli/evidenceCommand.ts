import { existsSync } from 'node:fs';
import { chooseCluster } from '@karmesh/sdk/clusters/choose';
import { configFiles } from '@karmesh/sdk/participant/settings';
import {
  type CaseAccount,
  createChainView,
  createProgramClient,
  type ParticipantAccount,
  type ProgramClient,
  toBase58,
  transactionSigner,
} from '@karmesh/sdk/program';
import {
  equalBytes,
  falseAttestationKey,
  falseVoteKey,
  namedParameters,
  OFFENCE,
  type Participant,
  silenceKey,
  toHex,
} from '@karmesh/sdk/protocol';
import { command, loadKeypair, output } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { aboutOf } from '../dispute/finding.ts';
import { type Finding, findingsPath, readFindings } from '../dispute/findingStore.ts';
import { type EvidenceConfig, evidenceSchema, registerSchema, startSchema } from './config.ts';

/** `karmesh-validator evidence`: what this validator found, or with `--cluster` every case on chain. It changes nothing and needs no running validator. */
export const evidenceCommand = command({
  program: 'karmesh validator evidence',
  summary:
    'Lists the offences that this validator found, and with --cluster all cases, with their state and what they paid.',
  section: 'validator',
  schema: evidenceSchema,
  sharedWith: [startSchema, registerSchema],
  files: configFiles,
  async run({ config }, { signal }) {
    const talk = output({ json: config.json })();
    if (config.cluster) talk.data(await readCases(config, signal), renderCases);
    else talk.data(await readOwn(config, signal), renderOwn);
    return 0;
  },
});

/** A case as people and programs read it. */
interface ShownCase {
  readonly offender: string;
  readonly role: string;
  readonly offence: string;
  readonly finder: string;
  readonly filedEpoch: string;
  /** From when on it can be executed. */
  readonly dueEpoch: string;
  readonly state: 'waits' | 'due' | 'partly executed' | 'executed';
  readonly partBps: number;
  readonly slashedLamports: string;
  /** What the finder got of it, if its account could take it. */
  readonly finderLamports: string;
}

interface Reader {
  readonly client: ProgramClient;
  readonly identity: Uint8Array;
  readonly epoch: bigint | undefined;
  readonly participants: readonly ParticipantAccount[];
  readonly slashDelayEpochs: bigint;
  readonly finderShareBps: bigint;
}

async function openReader(config: EvidenceConfig, signal: AbortSignal): Promise<Reader> {
  const cluster = await chooseCluster(config);
  const keypair = await loadKeypair(config.keypair);
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  const { programId } = cluster;
  await using view = await createChainView({ connection, programId, pollMs: 60_000, signal });
  const { slashDelayEpochs, finderShareBps } = namedParameters(view.config().parameters);
  return {
    client: createProgramClient({ connection, programId, payer: transactionSigner(keypair) }),
    identity: keypair.publicKey,
    epoch: view.epoch(),
    participants: view.participants(),
    slashDelayEpochs,
    finderShareBps,
  };
}

const OFFENCES: Readonly<Record<number, string>> = {
  [OFFENCE.doubleSign]: 'two signatures',
  [OFFENCE.falseVote]: 'a false vote',
  [OFFENCE.lazyVerdict]: 'a verdict without a look',
  [OFFENCE.silence]: 'silence about a report',
};
const ROLES: Readonly<Record<number, string>> = { 1: 'worker', 2: 'validator', 3: 'gateway' };

function shownCase(reader: Reader, filed: CaseAccount): ShownCase {
  const due = filed.filedEpoch + reader.slashDelayEpochs;
  const waiting = (reader.epoch ?? 0n) < due ? 'waits' : 'due';
  const role = reader.participants.find(({ address }) => equalBytes(address, filed.offender))?.role ?? 0;
  return {
    offender: toBase58(filed.offender),
    role: ROLES[role] ?? 'participant',
    offence: OFFENCES[filed.kind] ?? 'offence',
    finder: toBase58(filed.finder),
    filedEpoch: filed.filedEpoch.toString(),
    dueEpoch: due.toString(),
    state: filed.executed === 1 ? 'executed' : filed.slashedLamports > 0n ? 'partly executed' : waiting,
    partBps: filed.bps,
    slashedLamports: filed.slashedLamports.toString(),
    finderLamports: ((filed.slashedLamports * reader.finderShareBps) / 10_000n).toString(),
  };
}

async function readCases(config: EvidenceConfig, signal: AbortSignal) {
  const reader = await openReader(config, signal);
  const cases = (await reader.client.cases({ signal })).toSorted((a, b) => Number(a.filedEpoch - b.filedEpoch));
  return { epoch: reader.epoch?.toString() ?? null, cases: cases.map((filed) => shownCase(reader, filed)) };
}

const WHAT: Readonly<Record<Finding['of']['what'], string>> = {
  receipt: 'two receipts with one counter',
  verdict: 'two verdicts on one answer',
  ticket: 'two tickets with one number',
  batch: 'two batch headers with one number',
  sum: 'a report whose sums are false',
  lifetime: 'a report whose lifetimes do not follow',
  claims: 'a report with another claims tree',
  silence: 'a report that nobody shows',
  signature: 'an attested set with a record that its worker did not sign',
};

async function readOwn(config: EvidenceConfig, signal: AbortSignal) {
  const path = findingsPath(config.dataDir);
  const findings = existsSync(path) ? readFindings(path) : [];
  if (findings.length === 0) return { epoch: null, findings: [] };
  const reader = await openReader(config, signal);
  const all = findings.some(({ type }) => type !== 'doubleSign') ? await reader.client.cases({ signal }) : [];
  const shown = [];
  for (const finding of findings) {
    const { number, type, of, state, isOurs, reason, foundSlot } = finding;
    const cases = type === 'doubleSign' ? await caseOf(reader, of, signal) : casesOf(reader, all, finding);
    shown.push({
      number: number.toString(),
      what: of.what,
      about: type === 'doubleSign' ? toBase58(of.offender) : toHex(aboutOf(finding)),
      epoch: of.epoch.toString(),
      foundSlot: foundSlot.toString(),
      state: stateOf(finding),
      shownBy: isOurs
        ? 'this validator'
        : state === 'found' || state === 'committed' || state === 'refused'
          ? null
          : 'another',
      ...(reason === '' || reason === 'answered' ? {} : { reason }),
      cases,
    });
  }
  return { epoch: reader.epoch?.toString() ?? null, findings: shown };
}

function stateOf({
  type,
  state,
  reason,
}: Finding): 'found' | 'committed' | 'open' | 'shown' | 'silent' | 'answered' | 'case filed' | 'refused' {
  if (reason === 'answered') return 'answered';
  if (type === 'hiddenReport' && state === 'committed') return 'open';
  if (type === 'hiddenReport' && state === 'shown') return 'silent';
  return state === 'settled' ? 'case filed' : state;
}

async function caseOf(
  reader: Reader,
  of: { readonly offender: Participant; readonly offenceKey: Uint8Array },
  signal: AbortSignal,
): Promise<readonly ShownCase[]> {
  const filed = await reader.client.offenceCase(of.offender, of.offenceKey, { signal });
  return filed === undefined ? [] : [shownCase(reader, filed)];
}

/** All false votes of the epoch, one offence for each voter, whichever report it was; or all false attestations. */
function casesOf(reader: Reader, all: readonly CaseAccount[], { type, of }: Finding): readonly ShownCase[] {
  const { epoch } = of;
  const keyOf = { badSet: falseAttestationKey, hiddenReport: silenceKey, falseReport: falseVoteKey };
  const key = type === 'doubleSign' ? of.offenceKey : keyOf[type](epoch);
  return all.filter(({ offenceKey }) => equalBytes(offenceKey, key)).map((filed) => shownCase(reader, filed));
}

function renderCases({ epoch, cases }: Awaited<ReturnType<typeof readCases>>): string {
  if (cases.length === 0) return 'No case was ever filed in this cluster.';
  const slashed = cases.reduce((sum, one) => sum + BigInt(one.slashedLamports), 0n);
  return [
    `${cases.length} ${cases.length === 1 ? 'case' : 'cases'}, epoch ${epoch ?? 'not started'}, ${slashed} lamports slashed so far`,
    ...cases.flatMap((one) => ['', ...caseLines(one)]),
  ].join('\n');
}

function caseLines(one: ShownCase): readonly string[] {
  return [
    `${one.offence} by ${one.role} ${one.offender}`,
    `  case     filed in epoch ${one.filedEpoch} for ${(one.partBps / 100).toFixed(2)} % of its stake; ${outcomeOf(one)}`,
    `  finder   ${one.finder}${one.slashedLamports === '0' ? '' : `, ${one.finderLamports} lamports`}`,
  ];
}

function outcomeOf(one: ShownCase): string {
  switch (one.state) {
    case 'waits':
      return `executed from epoch ${one.dueEpoch} on`;
    case 'due':
      return 'due for execution';
    case 'partly executed':
      return `${one.slashedLamports} lamports slashed, the rest in later epochs`;
    case 'executed':
      return `executed, ${one.slashedLamports} lamports slashed`;
  }
}

function renderOwn({ findings }: Awaited<ReturnType<typeof readOwn>>): string {
  if (findings.length === 0) return 'This validator has found no offence.';
  return findings
    .map((one) => {
      const how = one.what === 'silence' ? 'asked' : 'shown';
      const shown = one.shownBy === null ? '' : `, ${how} by ${one.shownBy}`;
      return [
        `${one.number}. ${WHAT[one.what]}, epoch ${one.epoch}`,
        `  about    ${one.about}`,
        `  state    ${one.state}${shown}${'reason' in one ? ` (${one.reason})` : ''}`,
        ...one.cases.flatMap((filed) => caseLines(filed).map((line) => `  ${line}`)),
      ].join('\n');
    })
    .join('\n\n');
}
