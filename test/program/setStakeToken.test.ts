import { ASSET, eventsInLogs, PROGRAM_ID, setStakeToken, stake, TOKEN_PROGRAM } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { nameOf, refusedWhole, type StakeWorld, stakeWorld, TOKEN_RATE, tokenWorld } from './stakeSteps.ts';
import { fixSupply, makeMint, makeTokenAccount, mintTo, TOKEN_ACCOUNT_BYTES, tokensIn } from './tokenSteps.ts';
import { must, readConfig, startWorld } from './world.ts';

interface MintOptions {
  readonly name?: string;
  readonly freezable?: boolean;
  readonly mintable?: boolean;
  readonly supply?: bigint;
}

async function mintOf(world: StakeWorld, options: MintOptions = {}): Promise<Uint8Array> {
  const { ledger, operator } = world;
  const { name = 'mint', supply = 1_000n } = options;
  const mint = await makeMint(ledger, operator, { name, freezable: options.freezable ?? false });
  const owner = operator.publicKey;
  const to = await makeTokenAccount(ledger, operator, { name: `${name} tokens`, mint, owner });
  if (supply > 0n) await mintTo(ledger, operator, { mint, to, amount: supply });
  if (options.mintable !== true) await fixSupply(ledger, operator, mint);
  return mint;
}

const naming = (world: StakeWorld, mint: Uint8Array, rate = TOKEN_RATE) =>
  setStakeToken(world.addresses, { initialiser: world.operator.publicKey, mint, rate });

test('P-35: names the token and makes the account that holds it', async () => {
  const world = await stakeWorld({ started: false });
  const { ledger, operator, addresses } = world;
  const mint = await mintOf(world);
  const before = await readConfig(world);
  const { logs } = await ledger.send([naming(world, mint)], [operator]);

  const tokenVaultBump = expect.any(Number);
  expect(await readConfig(world)).toEqual({ ...before, tokenMint: mint, tokenRate: TOKEN_RATE, tokenVaultBump });
  const vault = await must(ledger.account(addresses.tokenVault));
  expect(vault.lamports).toBe(await ledger.rent(TOKEN_ACCOUNT_BYTES));
  expect(vault.data.subarray(0, 32)).toEqual(mint);
  expect(vault.data.subarray(32, 64)).toEqual(addresses.tokenVault);
  // No delegate, initialised, not of lamports, nobody who could close it.
  expect(vault.data.subarray(64)).toEqual(Uint8Array.from({ length: 101 }, (_, i) => (i === 44 ? 1 : 0)));
  expect(await tokensIn(ledger, addresses.tokenVault)).toBe(0n);
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'StakeTokenSet', data: { mint, rate: TOKEN_RATE } }]);
});

test('P-35: lamports that somebody sent to the address do not stop it', async () => {
  const world = await stakeWorld({ started: false });
  const mint = await mintOf(world);
  await world.ledger.fund(world.addresses.tokenVault, 5_000_000n);
  await world.ledger.send([naming(world, mint)], [world.operator]);
  expect(await tokensIn(world.ledger, world.addresses.tokenVault)).toBe(0n);
});

test('P-35: refuses a second token, another signer, no signature, and whoever comes after start', async () => {
  const world = await stakeWorld({ started: false });
  const { ledger, operator, staker, addresses } = world;
  const mint = await mintOf(world);
  const theirs = setStakeToken(addresses, { initialiser: staker.publicKey, mint, rate: TOKEN_RATE });
  await refusedWhole(world, { instruction: theirs, signers: [staker] }, 'NotInitialiser');
  await refusedWhole(world, { instruction: unsigned(naming(world, mint), 0), signers: [] }, 'NotInitialiser');
  await ledger.send([naming(world, mint)], [operator]);
  const second = await mintOf(world, { name: 'second mint' });
  const signers = [operator];
  await refusedWhole(world, { instruction: naming(world, second), signers }, 'AlreadyInitialised');

  const late = await stakeWorld({ started: false });
  const lateMint = await mintOf(late);
  await startWorld(late);
  await refusedWhole(late, { instruction: naming(late, lateMint), signers: [late.operator] }, 'AlreadyStarted');
});

test('P-35: refuses a token that somebody can freeze or mint, one that nobody has, and what is no mint', async () => {
  const world = await stakeWorld({ started: false });
  const { operator, addresses, ledger } = world;
  const signers = [operator];
  const refuse = async (mint: Uint8Array) =>
    await refusedWhole(world, { instruction: naming(world, mint), signers }, 'BadMint');
  await refuse(await mintOf(world, { name: 'freezable', freezable: true }));
  await refuse(await mintOf(world, { name: 'mintable', mintable: true }));
  await refuse(await mintOf(world, { name: 'empty', supply: 0n }));
  const good = await mintOf(world, { name: 'good' });
  await refuse(await makeTokenAccount(ledger, operator, { name: 'account', mint: good, owner: operator.publicKey }));
  await refuse(addresses.config);
  await refuse(operator.publicKey);
  // The bytes of a mint do not make one.
  const bytes = await must(ledger.account(good));
  const forged = addresses.participant(good);
  ledger.setAccount({ ...bytes, address: forged, owner: PROGRAM_ID });
  await refuse(forged);
  const unmade = addresses.participant(forged);
  const data = bytes.data.map((byte, i) => (i === 45 ? 0 : byte));
  ledger.setAccount({ ...bytes, address: unmade, data, owner: TOKEN_PROGRAM });
  await refuse(unmade);
  await ledger.send([naming(world, good)], signers);
});

test('P-35: refuses a rate of zero and one by which the supply would be no weight', async () => {
  const world = await stakeWorld({ started: false });
  const signers = [world.operator];
  const mint = await mintOf(world, { supply: 1n << 40n });
  await refusedWhole(world, { instruction: naming(world, mint, 0n), signers }, 'BadAmount');
  await refusedWhole(world, { instruction: naming(world, mint, 1n << 54n), signers }, 'BadAmount');
  await refusedWhole(world, { instruction: naming(world, mint, (1n << 64n) - 1n), signers }, 'Overflow');
  await world.ledger.send([naming(world, mint, (1n << 54n) - 1n)], signers);
});

test('P-35: refuses swapped accounts', async () => {
  const world = await stakeWorld({ started: false });
  const { addresses, operator } = world;
  const mint = await mintOf(world);
  const swapped = async (position: number, address: Uint8Array, error: string) =>
    await refusedWhole(
      world,
      { instruction: withAccount(naming(world, mint), position, address), signers: [operator] },
      error,
    );
  await swapped(1, addresses.vault, 'BadOwner');
  await swapped(3, addresses.vault, 'BadPda');
  await swapped(3, addresses.participant(mint), 'BadPda');
  await swapped(5, PROGRAM_ID, 'BadPda');
});

test('P-30: without a token there are no tokens to stake', async () => {
  const world = await stakeWorld();
  const { addresses, staker, validator } = world;
  const name = nameOf(validator, staker, ASSET.tokens);
  const instruction = stake(addresses, { ...name, stakerTokens: staker.publicKey, amount: 1n });
  await refusedWhole(world, { instruction, signers: [staker] }, 'BadMint');
});

test('P-30: the cluster takes the token that it names', async () => {
  const world = await tokenWorld();
  expect((await readConfig(world)).tokenMint).toEqual(world.mint);
});
