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

const gatewayMain = fileURLToPath(new URL('../../web/gateway/main.ts', import.meta.url));

test('karmesh gateway register bonds a gateway and opens its escrow, both or neither', {
  timeout: 60_000,
}, async () => {
  const signal = AbortSignal.timeout(55_000);
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

  const register = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [
      ...['--disable-warning=ExperimentalWarning', gatewayMain, 'register', '--json', '--url', cluster.rpcUrl],
      ...['--owner', files.owner, '--keypair', files.identity, ...args],
    ]);
  const address = client.addresses.participant(identity.publicKey);
  // More than the owner has: the bond is not paid either.
  await expect(register('--deposit', '30000000000')).rejects.toMatchObject({ code: 1, stdout: '' });
  expect(await client.participant(address, { signal })).toBeUndefined();

  const { stdout } = await register('--deposit', '5000000000');
  const shown = JSON.parse(stdout);
  expect(shown).toMatchObject({
    participant: toBase58(address),
    bond: `${chain.minGatewayBond}`,
    escrow: toBase58(client.addresses.escrow(address, owner.publicKey)),
    deposit: '5000000000',
  });
  expect(await client.participant(address, { signal })).toMatchObject({
    role: ROLE.gateway,
    owner: owner.publicKey,
    bondLamports: chain.minGatewayBond,
  });
  const escrow = await client.escrow(addressFromBase58(shown.escrow), { signal });
  expect(escrow?.balance).toBe(5_000_000_000n);
});
