import { readFile, stat } from 'node:fs/promises';
import { chooseCluster } from '@karmesh/sdk/clusters/choose';
import { KarmeshError } from '@karmesh/sdk/errors';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { createProgramClient, ROLE, toBase58, transactionSigner } from '@karmesh/sdk/program';
import { equalBytes } from '@karmesh/sdk/protocol';
import { command, loadKeypair, output } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { importProtection } from '../slashingProtection/importProtection.ts';
import type { ProtectionOwner } from '../slashingProtection/protectionRows.ts';
import { type ImportConfig, importSchema, registerSchema, startSchema } from './config.ts';

/** As large as a log with its kept epochs full of verdicts can be. */
const MAX_FILE_BYTES = 512 << 20;

/** `karmesh-validator slashing-protection import FILE`. The cluster is asked whose a folder is that was never used. */
export const importProtectionCommand = command({
  program: 'karmesh validator slashing-protection import',
  summary: 'Takes in a file of another folder of this validator: nothing is signed any more that contradicts it.',
  section: 'validator',
  schema: importSchema,
  sharedWith: [startSchema, registerSchema],
  positionals: [{ name: 'file', description: 'a file from karmesh validator slashing-protection export' }],
  files: configFiles,
  async run({ config, positionals: [path = ''] }, { signal }) {
    const json = await readJson(path);
    const done = await importProtection({ folder: config.dataDir, json }, () => ownerOf(config, signal));
    output({ json: config.json })().data({ path, dataDir: config.dataDir, ...done }, (shown) => {
      const { attestation, rootVote, verdict } = shown.closedThrough;
      const through = [attestation, rootVote, verdict].map((epoch) => (epoch < 0n ? 'none' : epoch));
      return [
        `Took in ${shown.added} records; ${shown.dataDir} holds ${shown.records}.`,
        `Closed through epoch: ${through[0]} for attestations, ${through[1]} for root votes, ${through[2]} for verdicts.`,
      ].join('\n');
    });
    return 0;
  },
});

async function readJson(path: string): Promise<unknown> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES)
      throw new KarmeshError('SLASHING_PROTECTION', 'The file is too large for a slashing-protection file.', {
        path,
        bytes: size,
      });
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof KarmeshError) throw cause;
    throw new KarmeshError('CONFIG_INVALID', 'The file cannot be read as JSON.', { path }, cause);
  }
}

async function ownerOf(config: ImportConfig, signal: AbortSignal): Promise<ProtectionOwner> {
  const cluster = await chooseCluster(config);
  const keypair = await loadKeypair(config.keypair);
  const { programId } = cluster;
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  const client = createProgramClient({ connection, programId, payer: transactionSigner(keypair) });
  const { genesis } = await client.checkCluster({ signal });
  const identity = keypair.publicKey;
  const account = (await client.participants({ signal })).find(
    (one) => one.role === ROLE.validator && equalBytes(one.identity, identity),
  );
  if (account === undefined)
    throw new KarmeshError('CONFIG_INVALID', 'No validator is registered with this identity.', {
      identity: toBase58(identity),
    });
  return { genesis, programId, participant: account.address, identity };
}
