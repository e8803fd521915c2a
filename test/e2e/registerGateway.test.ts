import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  addressFromBase58,
  createProgramClient,
  initialise,
  PROGRAM_ID,
  ROLE,
  toBase58,
  toPublicKey,
  transactionSigner,
} from '@karmesh/sdk/program';
import { CHAIN_PARAMETERS, offchainParametersHash, PROTOCOL_VERSION } from '@karmesh/sdk/protocol';
import { createKeypairFile } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { startCluster } from '../harness/cluster.ts';
import { PROGRAM_FILE } from '../program/ledger/programFile.ts';

const script = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const gatewayMain = script('web/gateway/main.ts');

test('karmesh gateway register bonds a gateway and opens its escrow, both or neither, for what its dry run said', {
  timeout: 120_000,
}, async () => {
  const signal = AbortSignal.timeout(110_000);
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-register-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const programs = [{ id: toBase58(PROGRAM_ID), path: PROGRAM_FILE }];
  const cluster = stack.use(await startCluster({ slotMs: 50, programs }));
  const files = { owner: join(folder, 'owner.json'), identity: join(folder, 'identity.json') };
  const [owner, identity] = await Promise.all([createKeypairFile(files.owner), createKeypairFile(files.identity)]);
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  const client = createProgramClient({ connection, payer: transactionSigner(owner) });
  await connection.requestAirdrop(toPublicKey(owner.publicKey), 20_000_000_000);
  while ((await client.balance(owner.publicKey, { signal })) === 0n) signal.throwIfAborted();
  const { chain, offchain } = clusterPreset('localnet');
  const setUp = initialise(client.addresses, {
    payer: owner.publicKey,
    genesis: await client.genesisHash({ signal }),
    version: PROTOCOL_VERSION,
    parameters: CHAIN_PARAMETERS.map((name) => chain[name]),
    offchainParametersHash: offchainParametersHash(offchain),
  });
  await client.send([setUp], { signal });

  const run = (main: string, ...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [
      ...['--disable-warning=ExperimentalWarning', main, 'register', '--url', cluster.rpcUrl],
      ...['--owner', files.owner, '--keypair', files.identity, ...args],
    ]);
  const register = (...args: readonly string[]) => run(gatewayMain, '--json', ...args);
  const address = client.addresses.participant(identity.publicKey);
  // More than the owner has: the bond is not paid either.
  await expect(register('--deposit', '30000000000')).rejects.toMatchObject({ code: 1, stdout: '' });
  await expect(register('--deposit', '30000000000', '--dry-run')).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('"code":"TRANSACTION_FAILED"'),
  });
  expect(await client.participant(address, { signal })).toBeUndefined();

  const before = await client.balance(owner.publicKey, { signal });
  const dry = JSON.parse((await register('--deposit', '5000000000', '--dry-run')).stdout);
  expect(dry).toEqual({
    participant: toBase58(address),
    dryRun: true,
    bond: `${chain.minGatewayBond}`,
    escrow: toBase58(client.addresses.escrow(address, owner.publicKey)),
    deposit: '5000000000',
    instructions: ['registerGateway', 'openEscrow'],
    signers: [
      { role: 'owner', address: toBase58(owner.publicKey) },
      { role: 'identity', address: toBase58(identity.publicKey) },
    ],
    feeLamports: '10000',
    costLamports: expect.stringMatching(/^\d+$/),
    computeUnits: expect.any(Number),
  });
  const inWords = async (main: string): Promise<string> => {
    const { stdout } = await run(main, '--dry-run');
    return stdout
      .replaceAll(toBase58(address), 'PARTICIPANT')
      .replaceAll(toBase58(owner.publicKey), 'OWNER')
      .replaceAll(toBase58(identity.publicKey), 'IDENTITY')
      .replace(/\d+ compute/, 'SOME compute');
  };
  expect(await inWords(script('validator/src/main.ts'))).toMatchInlineSnapshot(`
    "Would register PARTICIPANT with a bond of 1000000000 lamports.
    instructions  registerValidator
    signed by     OWNER (owner)
                  IDENTITY (identity)
    costs         1008863120 lamports to the owner, 10000 of them as fee
    runs          SOME compute units
    Nothing was signed or sent.
    "
  `);
  expect(await inWords(script('node/src/main.ts'))).toMatchInlineSnapshot(`
    "Would register PARTICIPANT with a bond of 100000000 lamports.
    instructions  registerWorker
    signed by     OWNER (owner)
                  IDENTITY (identity)
    costs         108863120 lamports to the owner, 10000 of them as fee
    runs          SOME compute units
    Nothing was signed or sent.
    "
  `);
  expect(await client.balance(owner.publicKey, { signal })).toBe(before);
  expect(await client.participants({ signal })).toEqual([]);

  const { stdout } = await register('--deposit', '5000000000');
  expect(before - (await client.balance(owner.publicKey, { signal }))).toBe(BigInt(dry.costLamports));
  const shown = JSON.parse(stdout);
  expect(shown).toMatchObject({
    dryRun: false,
    link: expect.stringContaining(`https://explorer.solana.com/tx/${shown.signature}?cluster=custom`),
    participant: toBase58(address),
    bond: `${chain.minGatewayBond}`,
    escrow: toBase58(client.addresses.escrow(address, owner.publicKey)),
    deposit: '5000000000',
  });
  expect(await client.participant(address, { signal })).toMatchObject({
    role: ROLE.gateway,
    owner: owner.publicKey,
    ownUnits: chain.minGatewayBond,
  });
  const escrow = await client.escrow(addressFromBase58(shown.escrow), { signal });
  expect(escrow?.balance).toBe(5_000_000_000n);
});
