import { type BufferKey, knownBuffer, openBufferKey } from '../deploy/bufferKey.ts';
import { checkDeployed } from '../deploy/checkDeployed.ts';
import { type DeployOptions, deployPrices, deployProgram } from '../deploy/deployProgram.ts';
import { effectiveRule } from '../deploy/effectiveRule.ts';
import { judgeAuthority, type UpgradeAuthority } from '../deploy/judgeAuthority.ts';
import { closeBuffer } from '../deploy/loader.ts';
import { type Observed, observe, readOwned } from '../deploy/observe.ts';
import { patiently } from '../deploy/patiently.ts';
import { costOf, planDeployment, type Step, type Wanted } from '../deploy/planDeployment.ts';
import { programFault } from '../deploy/programFault.ts';
import { decodeSquadsMultisig } from '../deploy/squadsMultisig.ts';
import { KarmeshError } from '../errors.ts';
import { explorerAccountLink } from '../program/explorer.ts';
import {
  type Address,
  addressFromBase58,
  type ConfigAccount,
  explorerLink,
  NONE,
  sendTransaction,
  toBase58,
  toPublicKey,
  transactionSigner,
} from '../program/index.ts';
import { rpcRequest } from '../program/rpc.ts';
import { equalBytes } from '../protocol/index.ts';
import {
  command,
  type Keypair,
  loadKeypair,
  type Output,
  openInterview,
  output,
  terminalOf,
} from '../runtime/index.ts';
import { configFiles } from './clientConfig.ts';
import { type DeploySettings, deploySchema } from './deploySettings.ts';
import { type DeployTarget, openDeployTarget } from './deployTarget.ts';
import type { ListedCommand } from './listedCommand.ts';

/** `karmesh deploy`: the program on a cluster, set up and checked; run again after anything, it goes on. */
export const deployCommand: ListedCommand = {
  title: 'deploy, upgrade or check the karma program on a cluster',
  ...command({
    program: 'karmesh deploy',
    summary:
      'Puts the karma program on a cluster and initialises it, or replaces it, after saying what that costs. A run that was ended goes on when it is started again.',
    section: 'deploy',
    schema: deploySchema,
    files: configFiles,
    async run({ config }, { signal }) {
      const talk = output({ json: config.json })();
      const target = await openDeployTarget(config, { signal });
      const wantedAuthority = await readWantedAuthority(config, target, { signal });
      if (config.check) return await check({ config, target, wantedAuthority, talk, signal });
      const payer = await loadKeypair(config.keypair);
      const run = { config, target, wantedAuthority, payer, talk, signal };
      return config.closeBuffer ? await giveUp(run) : await deploy(run);
    },
  }),
};

/** How long pieces of the program are waited for before the buffer is read again. */
const LONGEST_ROUND_MS = 20_000;

/** Who is to be the upgrade authority, as far as the command line says. */
type WantedAuthority = Wanted['authority'] & Pick<UpgradeAuthority, 'multisig'>;

interface Run {
  readonly config: DeploySettings;
  readonly target: DeployTarget;
  readonly wantedAuthority: WantedAuthority;
  readonly payer: Keypair;
  readonly talk: Output;
  readonly signal: AbortSignal;
}

async function readWantedAuthority(
  config: DeploySettings,
  { connection }: DeployTarget,
  { signal }: { readonly signal: AbortSignal },
): Promise<WantedAuthority> {
  if (config.final && config.upgradeAuthority !== undefined) {
    throw new KarmeshError('CONFIG_INVALID', 'A program that nobody may replace has no upgrade authority.', {
      flags: '--final, --upgrade-authority',
    });
  }
  let multisig: UpgradeAuthority['multisig'];
  if (config.multisig !== undefined) {
    const address = addressFromBase58(config.multisig);
    const account = await readOwned(connection, address, { signal });
    if (account === undefined) {
      throw new KarmeshError('CONFIG_INVALID', 'There is no multisig at this address.', { multisig: config.multisig });
    }
    multisig = { address, account: decodeSquadsMultisig(account) };
  }
  if (config.final) return { kind: 'final', multisig };
  if (config.upgradeAuthority === undefined) return { kind: 'keep', multisig };
  return { kind: 'address', address: addressFromBase58(config.upgradeAuthority), multisig };
}

/** Warns of an upgrade authority that the cluster's rule advises against, and throws `DEPLOY_REFUSED` where it demands another. */
function demandAuthority(
  authority: Address | undefined,
  { target, wantedAuthority, talk }: Pick<Run, 'target' | 'wantedAuthority' | 'talk'>,
): void {
  const rule = effectiveRule(target.preset.upgradeAuthority, toBase58(target.genesis));
  const verdict = judgeAuthority(rule, { authority, multisig: wantedAuthority.multisig });
  if (verdict.verdict === 'warn') talk.talk(`Take care: ${verdict.sentence}`);
  if (verdict.verdict === 'refuse') {
    const facts = { rule, fault: verdict.sentence };
    throw new KarmeshError('DEPLOY_REFUSED', 'This cluster does not take that upgrade authority.', facts);
  }
}

/** What is true of a program that holds. */
function report(target: DeployTarget, seen: Observed, chain: ConfigAccount) {
  const programId = toBase58(target.programId);
  return {
    programId,
    hash: target.program.hash,
    genesis: toBase58(target.genesis),
    upgradeAuthority: seen.deployed?.authority === undefined ? null : toBase58(seen.deployed.authority),
    roomBytes: seen.deployed?.bytes.length ?? 0,
    preset: target.preset.name,
    initialiser: toBase58(chain.initialiser),
    epochZeroSlot: chain.epochZeroSlot === NONE ? null : chain.epochZeroSlot,
    link: explorerAccountLink(programId, target),
  };
}

function renderReport(holds: ReturnType<typeof report>): string {
  return [
    `The program ${holds.programId} is ${holds.hash}, set up with the parameters of ${holds.preset}.`,
    `upgrade authority  ${holds.upgradeAuthority ?? 'nobody: it is immutable'}`,
    `initialised by     ${holds.initialiser}`,
    `epoch 0            ${holds.epochZeroSlot === null ? 'has not begun' : `began in slot ${holds.epochZeroSlot}`}`,
    holds.link,
  ].join('\n');
}

async function check({ target, wantedAuthority, talk, signal }: Omit<Run, 'payer'>): Promise<number> {
  const { connection, programId, program } = target;
  const seen = await observe(connection, { programId, buffer: undefined, signal });
  const chain = checkDeployed(seen, { ...target, wanted: { program } });
  const authority = seen.deployed?.authority;
  const next = wantedAuthority.kind === 'address' ? wantedAuthority.address : undefined;
  const same = authority === undefined || next === undefined ? authority === next : equalBytes(authority, next);
  if (wantedAuthority.kind !== 'keep' && !same) {
    throw new KarmeshError('PROGRAM_MISMATCH', 'The upgrade authority is another.', {
      expected: next === undefined ? 'nobody' : toBase58(next),
      found: authority === undefined ? 'nobody' : toBase58(authority),
    });
  }
  demandAuthority(authority, { target, wantedAuthority, talk });
  talk.data(report(target, seen, chain), renderReport);
  return 0;
}

async function deploy(run: Run): Promise<number> {
  const { config, target, wantedAuthority, payer, talk, signal } = run;
  const { connection, programId, program, programKeypair, rpcUrl } = target;
  const name = { folder: config.stateDir, genesis: target.genesis, programId, programHash: program.hash };
  const wanted: Wanted = {
    program,
    maxBytes: config.maxBytes ?? (config.final ? program.bytes.length : Math.ceil((program.bytes.length * 3) / 2)),
    payer: payer.publicKey,
    authority: wantedAuthority,
    setUp: true,
    start: config.start,
  };
  if (wanted.maxBytes < program.bytes.length) {
    const facts = { maxBytes: wanted.maxBytes, bytes: program.bytes.length };
    throw new KarmeshError('CONFIG_INVALID', 'The program does not fit the room for it.', facts);
  }

  const known = await knownBuffer(name);
  const before = await observe(connection, { programId, buffer: known, signal });
  const prices = await deployPrices({ connection, wanted, priorityFee: config.priorityFee, signal });
  const steps = planDeployment(before, wanted, prices);
  if (before.deployed === undefined && programKeypair === undefined) {
    throw new KarmeshError('CONFIG_INVALID', 'A first deployment is signed by the program’s own key.', {
      programId: toBase58(programId),
      flag: '--program-keypair',
      make: 'karmesh keygen program.json',
    });
  }
  const gives = wantedAuthority.kind === 'keep' ? (before.deployed?.authority ?? payer.publicKey) : undefined;
  const becomes = wantedAuthority.kind === 'address' ? wantedAuthority.address : gives;
  const isFinal =
    wantedAuthority.kind === 'final' || (before.deployed !== undefined && before.deployed.authority === undefined);
  demandAuthority(isFinal ? undefined : becomes, run);

  const { lamports, atMost } = costOf(steps);
  const balance = BigInt(
    await patiently({ signal }, () =>
      rpcRequest(connection, 'getBalance', { signal }, () =>
        connection.getBalance(toPublicKey(payer.publicKey), 'confirmed'),
      ),
    ),
  );
  const plan = {
    cluster: rpcUrl,
    genesis: toBase58(target.genesis),
    programId: toBase58(programId),
    hash: program.hash,
    payer: toBase58(payer.publicKey),
    balanceLamports: balance,
    steps: steps.map(({ name: step, sentence, lamports: cost, transactions }) => ({
      ...{ step, sentence, lamports: cost, transactions },
    })),
    lamports,
    atMostLamports: atMost,
  };
  if (config.dryRun) {
    talk.data({ ...plan, dryRun: true }, () => `${renderPlan(plan)}\nNothing was signed or sent.`);
    return 0;
  }
  talk.talk(renderPlan(plan));
  if (balance < atMost) {
    throw new KarmeshError('DEPLOY_REFUSED', 'The payer holds too little.', {
      payer: plan.payer,
      lamports: balance,
      needed: atMost,
    });
  }
  if (steps.length > 0) await agree(config);

  const sent: { readonly step: string; readonly signature: string; readonly link: string }[] = [];
  await using key = await openBufferKey(name);
  const options: DeployOptions = {
    ...{ connection, wanted, programId, signal },
    ...{ preset: target.preset, genesis: target.genesis },
    payer: transactionSigner(payer),
    program: programKeypair === undefined ? undefined : transactionSigner(programKeypair),
    buffer: transactionSigner(key.keypair),
    ...{ parallel: config.parallel, priorityFee: config.priorityFee, timeoutMs: config.timeoutMs },
    roundMs: Math.min(config.timeoutMs, LONGEST_ROUND_MS),
  };
  const after = await deployProgram(options, {
    onStep: ({ sentence }) => talk.talk(`… ${sentence}`),
    onSent: ({ step, signature }) => {
      const link = explorerLink(signature, target);
      sent.push({ step, signature, link });
      talk.talk(`  ${link}`);
    },
    onProgress: ({ chunks, of }) => talk.progress(`  ${chunks} of ${of} pieces`),
  });
  return await conclude({ ...run, key, after, sent });
}

/** Says what stands: the program, or the buffer that its authority now replaces it by. */
async function conclude(
  run: Run & {
    readonly key: BufferKey;
    readonly after: Observed;
    readonly sent: readonly { readonly step: string; readonly signature: string; readonly link: string }[];
  },
): Promise<number> {
  const { target, key, after, sent, talk } = run;
  if (after.deployed !== undefined && programFault(after.deployed, target.program) !== undefined) {
    const buffer = toBase58(key.keypair.publicKey);
    const authority = after.deployed.authority === undefined ? 'nobody' : toBase58(after.deployed.authority);
    const proposal = { programId: toBase58(target.programId), hash: target.program.hash, buffer, authority, sent };
    talk.data(proposal, () =>
      [
        `The buffer ${buffer} holds ${target.program.hash} and belongs to ${authority}.`,
        'Propose the upgrade from this buffer there; when it has run, `karmesh deploy --check` compares.',
        explorerAccountLink(buffer, target),
      ].join('\n'),
    );
    return 0;
  }
  const chain = checkDeployed(after, { ...target, wanted: { program: target.program } });
  if (after.buffer === undefined) await key.forget();
  const holds = report(target, after, chain);
  talk.data({ ...holds, sent }, () => renderReport(holds));
  return 0;
}

async function agree(config: DeploySettings): Promise<void> {
  if (config.yes) return;
  const terminal = config.json ? undefined : terminalOf([]);
  if (terminal === undefined) {
    throw new KarmeshError('CONFIG_INVALID', 'Nobody is there to agree to what this costs.', { flag: '--yes' });
  }
  using interview = openInterview(terminal);
  const question = { flag: '--yes', description: 'Go on? Type yes, or Ctrl-C', fallback: undefined };
  await interview.ask({ ...question, fault: (answer) => (answer === 'yes' ? undefined : 'is neither') });
}

function renderPlan(plan: {
  readonly cluster: string;
  readonly genesis: string;
  readonly programId: string;
  readonly hash: string;
  readonly payer: string;
  readonly balanceLamports: bigint;
  readonly steps: readonly Pick<Step, 'sentence' | 'lamports'>[];
  readonly lamports: bigint;
  readonly atMostLamports: bigint;
}): string {
  const rows = plan.steps.map(({ sentence, lamports }) => [lamports.toString(), sentence] as const);
  const width = Math.max(0, ...rows.map(([lamports]) => lamports.length));
  return [
    `cluster  ${plan.cluster} (genesis ${plan.genesis})`,
    `program  ${plan.programId}, ${plan.hash}`,
    `payer    ${plan.payer}, ${plan.balanceLamports} lamports`,
    ...(rows.length === 0 ? ['Nothing is left to do.'] : ['lamports']),
    ...rows.map(([lamports, sentence]) => `  ${lamports.padStart(width)}  ${sentence}`),
    ...(rows.length === 0 ? [] : [`in all ${plan.lamports} lamports, at most ${plan.atMostLamports} at one moment`]),
  ].join('\n');
}

/** Ends the buffer of an unfinished deployment. */
async function giveUp({ config, target, payer, talk, signal }: Run): Promise<number> {
  const { connection, programId, program } = target;
  const name = { folder: config.stateDir, genesis: target.genesis, programId, programHash: program.hash };
  await using key = await openBufferKey(name);
  const buffer = key.keypair.publicKey;
  const { buffer: account } = await observe(connection, { programId, buffer, signal });
  if (account === undefined) {
    await key.forget();
    talk.data({ buffer: null, lamports: 0n }, () => 'No buffer is open for this program at this address.');
    return 0;
  }
  const { signature } = await sendTransaction(connection, {
    instructions: [closeBuffer({ buffer, authority: payer.publicKey })],
    ...{ payer: transactionSigner(payer), signal, timeoutMs: config.timeoutMs },
  });
  await key.forget();
  const closed = {
    buffer: toBase58(buffer),
    lamports: account.lamports,
    signature,
    link: explorerLink(signature, target),
  };
  talk.data(
    closed,
    () => `The buffer ${closed.buffer} is closed; ${closed.lamports} lamports came back.\n${closed.link}`,
  );
  return 0;
}
