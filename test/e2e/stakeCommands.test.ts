import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  associatedTokenAccount,
  createChainView,
  createProgramClient,
  setStakeToken,
  TOKEN_PROGRAM,
  toBase58,
  toPublicKey,
  transactionSigner,
} from '@karmesh/sdk/program';
import { type Command, type Keypair, logger } from '@karmesh/sdk/runtime';
import { PublicKey, TransactionInstruction } from '@solana/web3.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { capacityCommand } from '../../node/src/cli/capacityCommand.ts';
import * as worker from '../../node/src/cli/stakeCommands.ts';
import { commissionCommand } from '../../validator/src/cli/commissionCommand.ts';
import { executeCommand } from '../../validator/src/cli/executeCommand.ts';
import { proposalsCommand } from '../../validator/src/cli/proposalsCommand.ts';
import { proposeCommand } from '../../validator/src/cli/proposeCommand.ts';
import * as validator from '../../validator/src/cli/stakeCommands.ts';
import { voteCommand } from '../../validator/src/cli/voteCommand.ts';
import { crank } from '../../validator/src/crank/crank.ts';
import { type Came, runCommand } from '../harness/runCommand.ts';
import { type TickedLedger, tickedLedger } from '../harness/tickedLedger.ts';
import { makeReport, settlement, toFinalised } from '../program/epochSteps.ts';
import { currentEpoch, readBallot, readProposal } from '../program/governanceSteps.ts';
import { namedKey, namedSecret } from '../program/keys.ts';
import { TOKEN_RATE } from '../program/stakeSteps.ts';
import { fixSupply, makeMint, makeTokenAccount, mintTo, tokensIn } from '../program/tokenSteps.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readParticipant,
  SOL,
  startWorld,
  type World,
} from '../program/world.ts';

// The commands of those who stake and vote, in the order in which a year brings them, against a cluster whose slots pass only where a test lets them.

const ASSOCIATED_TOKENS = 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL';
const { signal } = new AbortController();
const stack = new AsyncDisposableStack();
let folder = '';
let world: World<TickedLedger>;
let stakerTokens: Uint8Array;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stake-commands-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const ledger = stack.use(await tickedLedger({ signal }));
  const parameters = { coolDownEpochs: 3n, evidenceEpochs: 1n, proposalDelayEpochs: 2n };
  world = await buildWorld(ledger, { parameters });
  const { operator, addresses } = world;
  const staker = namedKey('staker');
  await ledger.fund(staker.publicKey, 20n * SOL);
  const mint = await makeMint(ledger, operator, { name: 'mint' });
  stakerTokens = await makeTokenAccount(ledger, operator, { name: 'tokens', mint, owner: staker.publicKey });
  await mintTo(ledger, operator, { mint, to: stakerTokens, amount: 4n * SOL });
  await mintTo(ledger, operator, { mint, to: await walletOf(ledger, { mint, owner: staker }), amount: 500n });
  await fixSupply(ledger, operator, mint);
  await ledger.send(
    [setStakeToken(addresses, { initialiser: operator.publicKey, mint, rate: TOKEN_RATE })],
    [operator],
  );
  await startWorld(world);
  const names = ['operator', 'staker', 'stranger', 'worker owner 0', ...[0, 1, 2, 3].map((i) => `validator ${i}`)];
  for (const name of names) await writeFile(keyOf(name), JSON.stringify([...namedSecret(name)]), { mode: 0o600 });
}, 180_000);
afterAll(() => stack.disposeAsync());

const keyOf = (name: string): string => join(folder, `${name.replaceAll(' ', '-')}.json`);
const run = (command: Command, ...args: readonly string[]): Promise<Came> =>
  runCommand(command, ['--url', world.ledger.rpcUrl, ...args], signal);
const first = (): Member => world.validators[0] as Member;
const behind = (): readonly string[] => ['--validator', toBase58(first().address)];
const asOwner = (): readonly string[] => ['--owner', keyOf('operator'), ...behind()];
const asStaker = (): readonly string[] => ['--staker', keyOf('staker'), ...behind()];
const refusal = (came: Came): unknown => (came.ok ? came.data : `${came.code}: ${came.sentence}`);
const sent = {
  dryRun: false,
  signature: expect.any(String),
  link: expect.stringContaining('https://explorer.solana.com/tx/'),
};
const toEpoch = async (epoch: bigint): Promise<void> => world.ledger.untilSlot(await firstSlot(world, epoch));

test('stake: of the owner, of anyone, of tokens; tried without being sent', async () => {
  const dry = await run(validator.stake, '1sol', ...asStaker(), '--dry-run');
  expect(dry).toMatchObject({ ok: true, data: { action: 'stake', amount: '1000000000', dryRun: true } });
  expect((await readParticipant(world, first().address)).units).toEqual([2n * SOL, 0n]);

  const owner = await run(validator.stake, '500000000', ...asOwner());
  expect(owner).toMatchObject({
    ok: true,
    data: { asset: 'lamports', amount: '500000000', countsFromEpoch: '1', ...sent },
  });
  const staker = await run(validator.stake, '7.5sol', ...asStaker());
  expect(staker).toMatchObject({ ok: true, data: { staker: toBase58(namedKey('staker').publicKey), ...sent } });
  const tokens = ['--token', '--token-account', toBase58(stakerTokens)];
  const token = await run(validator.stake, '1000', ...asStaker(), ...tokens);
  expect(token).toMatchObject({ ok: true, data: { asset: 'tokens', amount: '1000', ...sent } });
  // Where a wallet has them, unless told.
  expect(await run(validator.stake, '500', ...asStaker(), '--token')).toMatchObject({ ok: true, data: sent });
  expect(await readParticipant(world, first().address)).toMatchObject({
    units: [10n * SOL, 1_500n],
    ownUnits: (5n * SOL) / 2n,
  });
});

test('stake: refused before anything is sent', async () => {
  const whole = toBase58((world.workers[0] as Member).address);
  const refusals = [
    await run(validator.stake, '1sol', '--owner', keyOf('operator')),
    await run(validator.stake, '1sol', '--staker', keyOf('staker')),
    await run(validator.stake, '1sol', ...behind()),
    await run(validator.stake, '1sol', '--staker', keyOf('staker'), '--validator', whole),
    await run(validator.stake, '1000sol', ...asStaker()),
    await run(validator.stake, '0', ...asStaker()),
    await run(validator.stake, '1.2345678901sol', ...asStaker()),
    await run(validator.stake, '1sol', ...asStaker(), '--token'),
    await run(validator.stake, '5', ...asStaker(), '--token', '--token-account', toBase58(first().address)),
    await run(validator.stake, '5000000000', ...asStaker(), '--token', '--token-account', toBase58(stakerTokens)),
    await run(worker.stake, '1sol', '--owner', keyOf('staker'), '--worker', whole),
    await run(validator.stake, '1sol', '--staker', keyOf('stranger'), ...behind()),
  ];
  expect(refusals.map(refusal)).toMatchInlineSnapshot(`
    [
      "CONFIG_INVALID: Several validators belong to this key; name one of them.",
      "CONFIG_INVALID: No validator belongs to this key; name one, or another key.",
      "CONFIG_INVALID: Nobody is named who signs; name the keypair file of the owner.",
      "CONFIG_INVALID: No validator is registered under this address.",
      "STAKE_REFUSED: The staker holds less than the amount.",
      "CONFIG_INVALID: The amount is not understood.",
      "CONFIG_INVALID: The amount is not understood.",
      "CONFIG_INVALID: The amount is not understood.",
      "STAKE_REFUSED: There is no token account at the address.",
      "STAKE_REFUSED: The staker holds less than the amount.",
      "STAKE_REFUSED: Only its owner stakes behind a worker; anyone stakes behind a validator.",
      "STAKE_REFUSED: The staker holds less than the amount.",
    ]
  `);
});

test('another cluster is refused: one without the program', async () => {
  await using other = await tickedLedger({ signal });
  const came = await runCommand(validator.stake, ['1sol', '--url', other.rpcUrl, ...asStaker()], signal);
  expect(came).toMatchObject({ ok: false, code: 'PROGRAM_MISMATCH' });
});

test('commission: a raise waits for a cool-down, and a second change for the first', async () => {
  const set = await run(commissionCommand, '10', ...asOwner());
  expect(set).toMatchObject({ ok: true, data: { bps: 1_000, before: 0, fromEpoch: '3', ...sent } });
  const refusals = [
    await run(commissionCommand, '5', ...asOwner()),
    await run(commissionCommand, '5', '--owner', keyOf('staker'), ...behind()),
    await run(commissionCommand, '101', ...asOwner()),
    await run(commissionCommand, '2.345', ...asOwner()),
  ];
  expect(refusals.map(refusal)).toMatchInlineSnapshot(`
    [
      "STAKE_REFUSED: The last change of the commission has not taken effect yet.",
      "CONFIG_INVALID: This is not the keypair of the participant’s owner.",
      "CONFIG_INVALID: The commission is not understood.",
      "CONFIG_INVALID: The commission is not understood.",
    ]
  `);
});

test('rewards: shows what comes when, refuses while nothing is due, and collects for whoever staked', async () => {
  const asIdentity = ['--keypair', keyOf('validator 0'), '--data-dir', join(folder, 'no-validator')];
  const nothing = await run(validator.rewards, ...asIdentity, '--collect');
  expect(refusal(nothing)).toBe('STAKE_REFUSED: Nothing is due yet.');
  const earned = new Map([[world.workers[0] as Member, { karma: [9n, 0n, 0n, 0n, 0n], owed: 500_000n }]] as const);
  const built = await makeReport(world, { epoch: 0n, earned, settlements: [settlement(world, 8_000_000n)] });
  await toFinalised(world, built);
  const waiting = await run(validator.rewards, ...asIdentity);
  // Of a tenth of 8,000,000 a fourth for each of four equal votes; of that a fourth is the owner's.
  expect(waiting).toMatchObject({
    ok: true,
    data: {
      staker: toBase58(world.operator.publicKey),
      collectableLamports: '0',
      commission: { lamports: '0', bps: 0, later: { bps: 1_000, fromEpoch: '3' } },
      votes: { count: 1, lamports: '200000' },
      paidLamports: '0',
      stakes: [{ asset: 'lamports', worth: '2500000000', units: '2500000000', rewardLamports: '0' }],
    },
  });
  const { yoursLamports, next } = (waiting.ok ? waiting.data : {}).votes as {
    yoursLamports: string;
    next: { slot: string };
  };
  await world.ledger.untilSlot(BigInt(next.slot));
  await cranked(0, async () => (await world.ledger.account(world.addresses.vote(0n, first().address))) === undefined);

  const had = await lamportsOf(world, world.operator.publicKey);
  const shown = await run(validator.rewards, ...asIdentity);
  const due = (shown.ok ? shown.data : {}) as { readonly collectableLamports: string };
  // The estimate from before holds, but for what lies behind the point.
  expect(Math.abs(Number(due.collectableLamports) - Number(yoursLamports))).toBeLessThanOrEqual(1);
  const collected = await run(validator.rewards, ...asIdentity, '--collect');
  expect(collected).toMatchObject({ ok: true, data: { collectedLamports: due.collectableLamports, ...sent } });
  expect((await lamportsOf(world, world.operator.publicKey)) - had).toBe(BigInt(due.collectableLamports));

  // A staker asks with its own key, or is named by its address.
  const own = await run(validator.rewards, '--keypair', keyOf('staker'), ...behind());
  const named = await run(validator.rewards, ...asIdentity, '--staker', toBase58(namedKey('staker').publicKey));
  expect(own.ok && own.data).toEqual(named.ok && named.data);
  expect(own).toMatchObject({ ok: true, data: { stakes: [{ asset: 'lamports' }, { asset: 'tokens' }] } });
  expect(own.ok && own.data.commission).toBeUndefined();
  const before = await lamportsOf(world, namedKey('staker').publicKey);
  const paid = await run(validator.rewards, ...asIdentity, '--staker', keyOf('staker'), '--collect');
  const lamports = BigInt(String((paid.ok ? paid.data : {}).collectedLamports));
  expect(lamports).toBeGreaterThan(148_000n);
  expect((await lamportsOf(world, namedKey('staker').publicKey)) - before).toBe(lamports);
});

test('unstake and withdraw: the way out, when it is not over, and its end with the rent', async () => {
  const refusals = [
    await run(validator.withdraw, ...asStaker()),
    await run(validator.unstake, '8sol', ...asStaker()),
    await run(validator.unstake, '1sol', ...asOwner()),
    await run(validator.unstake, 'some', ...asStaker()),
    await run(validator.unstake, '1', '--staker', keyOf('stranger'), ...behind()),
  ];
  expect(refusals.map(refusal)).toMatchInlineSnapshot(`
    [
      "STAKE_REFUSED: Nothing of this stake is on its way out; unstake first.",
      "STAKE_REFUSED: The stake is worth less than the amount.",
      "STAKE_REFUSED: The owner keeps the minimum of its role, or takes out all with \`unstake all\`.",
      "CONFIG_INVALID: The amount is not understood.",
      "STAKE_REFUSED: This staker has nothing behind this participant.",
    ]
  `);

  const slot = await world.ledger.slot();
  const out = await run(validator.unstake, '6sol', ...asStaker());
  expect(out).toMatchObject({ ok: true, data: { amount: '6000000000', startsAnew: '0', ...sent } });
  const { allFree } = (out.ok ? out.data : {}) as { allFree: { slot: string } };
  expect(BigInt(allFree.slot)).toBe(slot + 3n * 64n);
  const early = await run(validator.withdraw, ...asStaker());
  expect(early).toMatchObject({
    ok: false,
    code: 'STAKE_REFUSED',
    sentence: 'The cool-down is not over.',
    facts: {
      firstFrom: expect.stringContaining(`slot ${slot + 65n}`),
      allFrom: expect.stringContaining(`slot ${slot + 192n}`),
    },
  });

  await world.ledger.untilSlot(slot + 128n);
  const half = await run(validator.withdraw, ...asStaker());
  expect(half).toMatchObject({
    ok: true,
    data: { amount: '3000000000', stillOnItsWay: '3000000000', hasEnded: false },
  });
  const rest = await run(validator.unstake, 'all', ...asStaker());
  expect(rest).toMatchObject({ ok: true, data: { amount: '1500000000', startsAnew: '3000000000' } });
  await world.ledger.untilSlot((await world.ledger.slot()) + 192n);
  const before = await lamportsOf(world, namedKey('staker').publicKey);
  const last = await run(validator.withdraw, ...asStaker());
  expect(last).toMatchObject({ ok: true, data: { amount: '4500000000', hasEnded: true, ...sent } });
  const { feeLamports } = (last.ok ? last.data : {}) as { feeLamports: string };
  const gained = (await lamportsOf(world, namedKey('staker').publicKey)) - before;
  expect(gained).toBe((9n * SOL) / 2n + (await world.ledger.rent(184)) - BigInt(feeLamports));
  expect(refusal(await run(validator.withdraw, ...asStaker()))).toMatchInlineSnapshot(
    `"STAKE_REFUSED: This staker has nothing behind this participant."`,
  );
});

test('unstake and withdraw: tokens go back to where they came from', async () => {
  const tokens = [...asStaker(), '--token', '--token-account', toBase58(stakerTokens)];
  expect(await run(validator.unstake, 'all', ...tokens)).toMatchObject({ ok: true, data: { amount: '1500' } });
  await world.ledger.untilSlot((await world.ledger.slot()) + 192n);
  expect(await run(validator.withdraw, ...tokens)).toMatchObject({
    ok: true,
    data: { amount: '1500', hasEnded: true },
  });
  expect(await tokensIn(world.ledger, stakerTokens)).toBe(4n * SOL + 500n);
});

test('a worker’s bond and capacity go together', async () => {
  const own = ['--owner', keyOf('worker owner 0')];
  expect(await run(capacityCommand, '2', ...own)).toMatchObject({
    ok: false,
    code: 'STAKE_REFUSED',
    facts: { stakeFirst: 1_000_000_000n, mostNow: 1 },
  });
  expect(await run(worker.stake, '1sol', ...own)).toMatchObject({ ok: true, data: sent });
  expect(await run(capacityCommand, '2', ...own)).toMatchObject({
    ok: true,
    data: { capacity: 2, before: 1, ...sent },
  });
  const refusals = [
    await run(worker.unstake, '1sol', ...own),
    await run(capacityCommand, '0', ...own),
    await run(capacityCommand, '2', '--owner', keyOf('staker')),
    await run(worker.withdraw, ...own),
  ];
  expect(refusals.map(refusal)).toMatchInlineSnapshot(`
    [
      "STAKE_REFUSED: The owner keeps the minimum of its role, or takes out all with \`unstake all\`.",
      "CONFIG_INVALID: A capacity is a number of requests.",
      "CONFIG_INVALID: No worker belongs to this key; name one, or another key.",
      "STAKE_REFUSED: Nothing of this stake is on its way out; unstake first.",
    ]
  `);
  expect(await run(worker.unstake, 'all', ...own)).toMatchObject({ ok: true, data: { amount: '2000000000' } });
  await world.ledger.untilSlot((await world.ledger.slot()) + 192n);
  expect(await run(worker.withdraw, ...own)).toMatchObject({
    ok: true,
    data: { amount: '2000000000', hasEnded: true },
  });
  expect(await run(worker.rewards, '--keypair', keyOf('worker owner 0'))).toMatchObject({
    ok: true,
    data: { stakes: [], paidLamports: '0' },
  });
});

test('proposals: asked, voted, locked, executed by the crank, and their rent comes home', {
  timeout: 240_000,
}, async () => {
  const as = (i: number): readonly string[] => ['--keypair', keyOf(`validator ${i}`)];
  const refusals = [
    await run(proposeCommand, 'parameter', 'feeShareBsp', '400', ...as(0)),
    await run(proposeCommand, 'parameter', 'feeShareBps', '500', ...as(0)),
    await run(proposeCommand, 'parameter', 'feeShareBps', '5', ...as(0)),
    await run(proposeCommand, 'parameter', 'slotsPerEpoch', '128', ...as(0)),
    await run(proposeCommand, 'pause', '9', ...as(0)),
    await run(proposeCommand, 'dance', '9', ...as(0)),
    await run(proposeCommand, 'parameter', 'feeShareBps', '400', '--keypair', keyOf('operator')),
    await run(proposeCommand, 'parameter', 'feeShareBps', '400', '--keypair', keyOf('staker')),
  ];
  expect(refusals.map(refusal)).toMatchInlineSnapshot(`
    [
      "CONFIG_INVALID: There is no such parameter.",
      "VOTE_REFUSED: The parameter has this value already.",
      "PROGRAM_ERROR: The karma program refused the transaction: A parameter is outside of its bounds.",
      "PROGRAM_ERROR: The karma program refused the transaction: A parameter is outside of its bounds.",
      "VOTE_REFUSED: A pause is of one to eight epochs.",
      "CONFIG_INVALID: What is asked is not understood.",
      "CONFIG_INVALID: Validators vote with their identity; this is the newest one of none.",
      "CONFIG_INVALID: Validators vote with their identity; this is the newest one of none.",
    ]
  `);

  const asked = await run(proposeCommand, 'parameter', 'feeShareBps', '400', ...as(0));
  expect(asked).toMatchObject({ ok: true, data: { nonce: '0', ...sent } });
  const proposal = String((asked.ok ? asked.data : {}).proposal);
  const address = world.addresses.proposal(first().address, 0n);
  expect(toBase58(address)).toBe(proposal);
  expect(refusal(await run(executeCommand, proposal, ...as(3)))).toMatchInlineSnapshot(
    `"VOTE_REFUSED: The proposal has not passed yet."`,
  );
  expect(await run(voteCommand, proposal, ...as(0))).toMatchObject({ ok: true, data: { state: 'open', ...sent } });
  expect(refusal(await run(voteCommand, proposal, ...as(0)))).toMatchInlineSnapshot(
    `"VOTE_REFUSED: This validator has said yes already."`,
  );
  await run(voteCommand, proposal, ...as(1));
  expect(await run(voteCommand, proposal, ...as(2))).toMatchObject({ ok: true, data: { state: 'locked' } });
  expect(refusal(await run(voteCommand, proposal, ...as(3)))).toMatchInlineSnapshot(
    `"VOTE_REFUSED: The proposal has passed already."`,
  );
  expect(refusal(await run(executeCommand, proposal, ...as(3)))).toMatchInlineSnapshot(
    `"VOTE_REFUSED: The time lock of the proposal has not run out."`,
  );
  const epoch = await currentEpoch(world);
  expect(await run(proposalsCommand)).toMatchObject({
    ok: true,
    data: {
      proposals: [
        {
          proposal,
          asked: { kind: 'parameter', parameter: 'feeShareBps', now: '500', value: '400' },
          state: 'locked',
          passesAboveBps: 6_666,
          executableFrom: { epoch: `${epoch + 2n}` },
        },
      ],
    },
  });

  await toEpoch(epoch + 2n);
  await world.ledger.untilSlot((await world.ledger.slot()) + 63n);
  await cranked(1, async () => (await readProposal(world, address)).executed === 1);
  expect(refusal(await run(executeCommand, proposal, ...as(3)))).toMatchInlineSnapshot(
    `"VOTE_REFUSED: The proposal was executed already."`,
  );
  // Each closes what it paid for: the first its proposal and its ballot, the second its ballot alone.
  await cranked(
    1,
    async () =>
      (await world.ledger.account(world.addresses.ballot(address, (world.validators[1] as Member).address))) ===
      undefined,
  );
  expect(await readBallot(world, address, first())).toMatchObject({ validator: first().address });
  await cranked(0, async () => (await world.ledger.account(address)) === undefined);
  await cranked(
    0,
    async () => (await world.ledger.account(world.addresses.ballot(address, first().address))) === undefined,
  );

  const pauses = await run(proposeCommand, 'pause', '2', ...as(0));
  const pausing = String((pauses.ok ? pauses.data : {}).proposal);
  for (const i of [0, 1, 2]) await run(voteCommand, pausing, ...as(i));
  expect(await run(executeCommand, pausing, ...as(3))).toMatchObject({
    ok: true,
    data: { asked: { kind: 'pause', epochs: '2' } },
  });
  const paused = await run(validator.stake, '1sol', ...asStaker());
  expect(paused).toMatchObject({
    ok: false,
    code: 'STAKE_REFUSED',
    sentence: 'Validators voted for a pause: nobody stakes until it is over.',
    facts: { until: expect.stringContaining(`epoch ${(await currentEpoch(world)) + 2n},`) },
  });
});

test('stake: refused behind a validator whose owner has taken its bond out', async () => {
  const last = world.validators[3] as Member;
  const there = ['--validator', toBase58(last.address)];
  await toEpoch((await currentEpoch(world)) + 2n);
  expect(await run(validator.unstake, 'all', '--owner', keyOf('operator'), ...there)).toMatchObject({
    ok: true,
    data: { amount: '2000000000' },
  });
  const came = [
    await run(validator.stake, '1sol', '--staker', keyOf('staker'), ...there),
    await run(validator.stake, '1sol', '--owner', keyOf('operator'), ...there),
  ];
  expect(came.map(refusal)).toMatchInlineSnapshot(`
    [
      "STAKE_REFUSED: The owner has less behind it than its role asks for, so that nothing behind it counts.",
      "STAKE_REFUSED: What the owner has behind it would stay below the minimum of its role, and nothing would count.",
    ]
  `);
  expect(await run(validator.stake, '2sol', '--owner', keyOf('operator'), ...there)).toMatchObject({ ok: true });
});

/** The token account that a wallet makes for its owner, by the program that says where it lies. */
async function walletOf(
  ledger: TickedLedger,
  { mint, owner }: { readonly mint: Uint8Array; readonly owner: Keypair },
): Promise<Uint8Array> {
  const address = associatedTokenAccount(owner.publicKey, mint);
  const systemProgram = new Uint8Array(32);
  const metas = [owner.publicKey, address, owner.publicKey, mint, systemProgram, TOKEN_PROGRAM];
  const keys = metas.map((key, i) => ({ pubkey: toPublicKey(key), isSigner: i === 0, isWritable: i < 2 }));
  await ledger.send(
    [new TransactionInstruction({ programId: new PublicKey(ASSOCIATED_TOKENS), keys, data: Buffer.alloc(0) })],
    [owner],
  );
  return address;
}

/** Lets the crank of a validator run until it has done something. */
async function cranked(at: number, done: () => Promise<boolean>): Promise<void> {
  const { identity, address } = world.validators[at] as Member;
  const { connection } = world.ledger;
  const client = createProgramClient({ connection, payer: transactionSigner(identity) });
  await using view = await createChainView({ connection, pollMs: 20, signal });
  const log = logger({ name: 'test', level: 'silent' })();
  await using _crank = crank({ pollMs: 10, collectRewards: false })({
    view,
    client,
    me: address,
    log,
    count: () => {},
  });
  while (!(await done())) {
    await pause(50);
    await world.ledger.untilSlot((await world.ledger.slot()) + 1n);
  }
}
