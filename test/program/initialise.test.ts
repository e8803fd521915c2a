import { decodeConfig, decodeVault, initialise, NONE, PROGRAM_ID, programAddresses } from '@karmesh/sdk/program';
import { type ChainParameters, makeDomain, PROTOCOL_VERSION } from '@karmesh/sdk/protocol';
import { PublicKey } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { namedHash, namedKey } from './keys.ts';
import { type LiteSvmLedger, liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { OFFCHAIN_HASH, PARAMETERS, parameterList, SOL, weightsOf } from './world.ts';

const addresses = programAddresses(PROGRAM_ID);
const payer = namedKey('operator');
const bumpOf = (seed: string) => PublicKey.findProgramAddressSync([Buffer.from(seed)], new PublicKey(PROGRAM_ID))[1];

function instruction(ledger: LiteSvmLedger, changed: Partial<ChainParameters> = {}) {
  return initialise(addresses, {
    payer: payer.publicKey,
    genesis: ledger.genesis,
    version: PROTOCOL_VERSION,
    parameters: parameterList({ ...PARAMETERS, ...changed }),
    offchainParametersHash: OFFCHAIN_HASH,
  });
}

async function emptyLedger(): Promise<LiteSvmLedger> {
  const ledger = liteSvmLedger();
  await ledger.fund(payer.publicKey, SOL);
  return ledger;
}

test('P-01, F-01: makes Config and Vault with the domain of this cluster and program', async () => {
  const ledger = await emptyLedger();
  await ledger.send([instruction(ledger)], [payer]);

  const config = await ledger.account(addresses.config);
  const vault = await ledger.account(addresses.vault);
  expect(config === undefined ? undefined : decodeConfig(config)).toEqual({
    version: 1,
    bump: bumpOf('config'),
    started: 0,
    vaultBump: bumpOf('vault'),
    tokenVaultBump: 0,
    domain: makeDomain({ genesisHash: ledger.genesis, programId: PROGRAM_ID }),
    genesis: ledger.genesis,
    initialiser: payer.publicKey,
    epochZeroSlot: NONE,
    participantCount: 0,
    workerCount: 0,
    gatewayCount: 0,
    validatorCount: 0,
    lastFinalisedEpoch: NONE,
    lastRoot: new Uint8Array(32),
    lastTotals: [0n, 0n, 0n, 0n, 0n, 0n],
    offchainParametersHash: OFFCHAIN_HASH,
    parameters: parameterList(PARAMETERS),
    stake: weightsOf(),
    validators: weightsOf(),
    changes: Array.from({ length: 4 }, () => ({ index: 0n, fromEpoch: 0n, before: 0n })),
    tokenMint: new Uint8Array(32),
    tokenRate: 0n,
    pausedUntilEpoch: 0n,
    pausableFromEpoch: 0n,
    slashEpoch: 0n,
    slashedWeight: 0n,
  });
  expect(vault === undefined ? undefined : decodeVault(vault)).toEqual({
    bump: bumpOf('vault'),
    received: 0n,
    paid: 0n,
    rewards: 0n,
    rewardsPaid: 0n,
    treasuryPaid: 0n,
    windowEpoch: 0n,
    windowPaid: 0n,
    settled: 0n,
  });
  expect(config?.lamports).toBe(await ledger.rent(1152));
  expect(vault?.lamports).toBe(await ledger.rent(112));
});

test('P-01: refuses a second time', async () => {
  const ledger = await emptyLedger();
  await ledger.send([instruction(ledger)], [payer]);
  await refused(ledger.send([instruction(ledger)], [payer]), 'AlreadyInitialised');
});

test.each<readonly [string, Partial<ChainParameters>, string]>([
  ['shares over the whole', { workerShareBps: 8_501n }, 'BadParameter'],
  ['a share over its bound', { workerShareBps: NONE }, 'BadParameter'],
  ['a fee below its bound', { feeShareBps: 99n }, 'BadParameter'],
  ['slashes that wait longer than stake', { slashDelayEpochs: 4n }, 'BadParameter'],
  ['evidence that comes after stake has left', { evidenceEpochs: 4n }, 'BadParameter'],
  ['a claim cap that holds claims up', { claimCapBps: 999n }, 'BadParameter'],
  ['an epoch of 63 slots', { slotsPerEpoch: 63n }, 'BadParameter'],
  ['no proposer window', { proposerWindowSlots: 0n }, 'BadParameter'],
  ['salts that may come after the beacon', { saltRevealSlots: 44n }, 'BadParameter'],
  ['a half-life of nothing', { validationHalfLifeSlots: 0n }, 'BadParameter'],
])('P-01: refuses %s', async (_, changed, error) => {
  const ledger = await emptyLedger();
  await refused(ledger.send([instruction(ledger, changed)], [payer]), error);
});

test('P-01: takes the shares to the last basis point', async () => {
  const ledger = await emptyLedger();
  await ledger.send([instruction(ledger, { workerShareBps: 8_500n })], [payer]);
  expect(await ledger.account(addresses.config)).toBeDefined();
});

test.each([1, 2])('P-01: refuses another address for account %i', async (position) => {
  const ledger = await emptyLedger();
  const other = programAddresses(PROGRAM_ID).participant(namedHash('other'));
  await refused(ledger.send([withAccount(instruction(ledger), position, other)], [payer]), 'BadPda');
});

test('P-01: lamports that a stranger sent to the addresses beforehand do not stop it', async () => {
  const ledger = await emptyLedger();
  await ledger.fund(addresses.config, 1_000_000n);
  await ledger.fund(addresses.vault, SOL);
  await ledger.send([instruction(ledger)], [payer]);
  expect((await ledger.account(addresses.config))?.lamports).toBe(await ledger.rent(1152));
  expect((await ledger.account(addresses.vault))?.lamports).toBe(SOL);
});
