import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  createProgramClient,
  initialise,
  PROGRAM_ID,
  registerValidator,
  start,
  toBase58,
  toPublicKey,
  transactionSigner,
} from '@karmesh/sdk/program';
import {
  CHAIN_PARAMETERS,
  makeDomain,
  offchainParametersHash,
  PROTOCOL_VERSION,
  signRecord,
  toHex,
  type Verdict,
  verdictRecord,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { createKeypairFile, generateKeypair, logger } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { evidenceChain } from '../chain/evidenceChain.ts';
import { bringEvidence } from '../dispute/bringEvidence.ts';
import { evidenceBudget } from '../dispute/evidenceBudget.ts';
import { foundTwice } from '../dispute/finding.ts';
import { findingsPath, openFindingStore } from '../dispute/findingStore.ts';
import { fixtureLocalnet } from '../fixtures/localnet.ts';
import { named } from '../fixtures/market.ts';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const signal = AbortSignal.timeout(150_000);
const log = logger({ name: 'test', level: 'silent' })();

async function run(...args: readonly string[]) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'evidence', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'exit');
  return { code: child.exitCode, stdout, stderr };
}

test('what was found is listed with its case, from the folder and from the chain, before, while and after it is shown', {
  timeout: 170_000,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'validator-evidence-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const programId = toBase58(PROGRAM_ID);
  const cluster = stack.use(await fixtureLocalnet({ programId, slotMs: 50, dataDir: join(folder, 'ledger') }));
  const identityFile = join(folder, 'identity.json');
  const finder = await createKeypairFile(identityFile);
  const offender = generateKeypair();
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  for (const { publicKey } of [finder, offender]) {
    const signature = await connection.requestAirdrop(toPublicKey(publicKey), 20_000_000_000);
    await connection.confirmTransaction(signature, 'confirmed');
  }
  const client = createProgramClient({ connection, payer: transactionSigner(finder) });
  const { addresses } = client;
  const genesis = await client.genesisHash({ signal });
  const preset = clusterPreset('localnet');
  const given = { payer: finder.publicKey, genesis, version: PROTOCOL_VERSION };
  // One epoch for the whole test, in which a case is executed at once.
  const chosen = { ...preset.chain, slotsPerEpoch: 8_000n, slashDelayEpochs: 0n };
  const parameters = CHAIN_PARAMETERS.map((name) => chosen[name]);
  const offchain = offchainParametersHash(preset.offchain);
  const set = { ...given, parameters, offchainParametersHash: offchain };
  await client.send([initialise(addresses, set)], { signal });
  for (const keypair of [finder, offender]) {
    const bond = { owner: finder.publicKey, identity: keypair.publicKey, bond: 1_000_000_000n };
    await client.send([registerValidator(addresses, bond)], { signal, signers: [transactionSigner(keypair)] });
  }
  await client.send([start(addresses, { initialiser: finder.publicKey })], { signal });

  const dataDir = join(folder, 'data');
  await mkdir(dataDir);
  const common = ['--url', cluster.rpcUrl, '--keypair', identityFile, '--data-dir', dataDir];
  const nothing = await run(...common);
  expect([nothing.code, nothing.stdout]).toEqual([0, 'This validator has found no offence.\n']);
  const noCase = await run(...common, '--cluster');
  expect([noCase.code, noCase.stdout]).toEqual([0, 'No case was ever filed in this cluster.\n']);
  expect(JSON.parse((await run(...common, '--json')).stdout)).toEqual({ epoch: null, findings: [] });

  const domain = makeDomain({ genesisHash: genesis, programId: PROGRAM_ID });
  const by = addresses.participant(offender.publicKey);
  const verdict: Verdict = {
    epoch: 0n,
    entryHash: named('entry'),
    receiptHash: named('receipt'),
    validator: by,
    attempt: 0,
    verdict: 'pass',
    rule: 0,
    measurementsHash: ZERO_HASH,
  };
  const first = signRecord(verdictRecord, { domain, signer: offender }, verdict);
  const failing: Verdict = { ...verdict, verdict: 'fail', rule: 10 };
  const second = signRecord(verdictRecord, { domain, signer: offender }, failing);
  const found = foundTwice(domain, {
    twice: { name: 'verdict', first: first.value, second: second.value },
    signatures: [first.signature, second.signature],
    identity: offender.publicKey,
    epoch: 0n,
  });
  using store = openFindingStore(findingsPath(dataDir));
  store.add(found, { salt: named('salt'), slot: 77n });
  // The validator has its store open meanwhile.
  const early = await run(...common);
  expect([early.code, early.stdout]).toEqual([
    0,
    `1. two verdicts on one answer, epoch 0\n  about    ${toBase58(by)}\n  state    found\n`,
  ]);

  const chain = evidenceChain({ client, identity: finder.publicKey });
  const slotNow = async () => BigInt(await connection.getSlot('confirmed'));
  const { epochZeroSlot } = (await client.config({ signal })) ?? { epochZeroSlot: 0n };
  while ((await slotNow()) <= epochZeroSlot) await pause(50, undefined, { signal });
  for (;;) {
    const slot = await slotNow();
    const budget = evidenceBudget({
      ...{ limitLamports: 50_000_000n, store, log },
      ...{ epoch: () => 0n, observe: () => {} },
    });
    const parts = {
      ...{ domain, identity: finder.publicKey, chain, store, budget, log },
      ...{ slot: () => slot, isProvable: () => true, isDecided: () => true },
      ...{ turnSlots: () => 0n, filed: new Set<string>(), bondOf: () => 0n, observe: () => {} },
    };
    if ((await bringEvidence(parts, { signal })) === 'done') break;
    await pause(100, undefined, { signal });
  }
  const shown = await run(...common);
  expect([shown.code, shown.stdout.split('\n')]).toEqual([
    0,
    [
      '1. two verdicts on one answer, epoch 0',
      `  about    ${toBase58(by)}`,
      '  state    case filed, shown by this validator',
      `  two signatures by validator ${toBase58(by)}`,
      '    case     filed in epoch 0 for 50.00 % of its stake; due for execution',
      `    finder   ${toBase58(finder.publicKey)}`,
      '',
    ],
  ]);
  const expected = {
    offender: toBase58(by),
    role: 'validator',
    offence: 'two signatures',
    finder: toBase58(finder.publicKey),
    filedEpoch: '0',
    dueEpoch: '0',
    state: 'due',
    partBps: 5_000,
    slashedLamports: '0',
    finderLamports: '0',
  };
  expect(JSON.parse((await run(...common, '--json')).stdout)).toEqual({
    epoch: '0',
    findings: [
      {
        ...{ number: '1', what: 'verdict', about: toBase58(by), epoch: '0', foundSlot: '77' },
        ...{ state: 'case filed', shownBy: 'this validator', cases: [expected] },
      },
    ],
  });

  const [open] = await client.cases({ signal });
  if (open === undefined) throw new RangeError('A case is open.');
  await chain.execute(open, { signal });
  const after = JSON.parse((await run(...common, '--cluster', '--json')).stdout);
  const slashed = '500000000';
  expect(after).toEqual({
    epoch: '0',
    cases: [{ ...expected, state: 'executed', slashedLamports: slashed, finderLamports: '50000000' }],
  });
  const told = await run(...common, '--cluster');
  expect(told.stdout.split('\n')).toEqual([
    `1 case, epoch 0, ${slashed} lamports slashed so far`,
    '',
    `two signatures by validator ${toBase58(by)}`,
    `  case     filed in epoch 0 for 50.00 % of its stake; executed, ${slashed} lamports slashed`,
    `  finder   ${toBase58(finder.publicKey)}, 50000000 lamports`,
    '',
  ]);
  expect(toHex(open.finder)).toBe(toHex(finder.publicKey));

  const about = { salt: named('salt'), slot: 78n };
  const manifestHash = named('manifest');
  const bad = { what: 'signature', epoch: 0n, manifestHash, evidence: new Uint8Array(8) } as const;
  store.add({ type: 'badSet', of: bad }, about);
  const report = {
    ...{ root: ZERO_HASH, totals: [0n, 0n, 0n, 0n, 0n, 0n], participantCount: 1 },
    ...{ settlementsRoot: ZERO_HASH, settlementsTotal: 0n, escrowCount: 0 },
    ...{ carriedRoot: ZERO_HASH, carriedCount: 0, priorRoot: ZERO_HASH, claimsRoot: ZERO_HASH },
  };
  const reportHash = named('report');
  const hidden = { what: 'silence', epoch: 0n, reportHash, report, index: 0, voter: by, priorEpoch: 0n } as const;
  store.add({ type: 'hiddenReport', of: hidden }, about);
  const moved = [
    [{ state: 'committed' }, 'open, asked by this validator'],
    [{ state: 'shown' }, 'silent, asked by this validator'],
    [{ state: 'settled', reason: 'answered' }, 'answered, asked by this validator'],
    [{ state: 'refused', reason: 'TooLate' }, 'refused, asked by this validator (TooLate)'],
  ] as const;
  for (const [to, state] of moved) {
    store.move({ number: 3n }, { isOurs: true, ...to });
    const { stdout } = await run(...common);
    expect(stdout.split('\n').slice(-9)).toEqual([
      '',
      '2. an attested set with a record that its worker did not sign, epoch 0',
      `  about    ${toHex(manifestHash)}`,
      '  state    found',
      '',
      '3. a report that nobody shows, epoch 0',
      `  about    ${toHex(reportHash)}`,
      `  state    ${state}`,
      '',
    ]);
  }
});
