import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addressFromBase58, chainReader, clusterPreset, recheckBundle, toBase58 } from '@karmesh/sdk/client';
import { decodeBundle } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import { openProofTools } from '../../sdk/src/client/openProofTools.ts';
import { fixtureLocalnet } from '../../validator/src/fixtures/localnet.ts';

// Records test/vectors/proven.json from a folder in which `npm run up -- --data-dir FOLDER --once "What is the capital of France?"
// --assurance proof` ran to its end, and the bundle that it named: node test/e2e/recordProven.ts FOLDER BUNDLE. Beside the bundle it
// keeps every account that a recheck of it reads.

const [folder, path] = process.argv.slice(2);
if (folder === undefined || path === undefined) throw new Error('Name the folder and the bundle.');

const account = z.object({ data: z.tuple([z.string(), z.literal('base64')]) });
const found = z.object({ result: z.object({ value: account }) });
const scanned = z.object({ result: z.array(z.object({ pubkey: z.string(), account })) });

const preset = clusterPreset('localnet');
const { programId } = preset;
await using chain = await fixtureLocalnet({ programId, slotMs: 400, dataDir: join(folder, 'ledger') });
const accounts: Record<string, string> = {};
const reader = chainReader({
  rpcUrl: chain.rpcUrl,
  programId: addressFromBase58(programId),
  async fetch(url, init) {
    const response = await fetch(url, init);
    const reply: unknown = await response.clone().json();
    const { params } = z.object({ params: z.array(z.unknown()) }).parse(JSON.parse(String(init?.body)));
    const one = found.safeParse(reply);
    if (one.success) accounts[String(params[0])] = one.data.result.value.data[0];
    for (const { pubkey, account: each } of scanned.safeParse(reply).data?.result ?? [])
      accounts[pubkey] = each.data[0];
    return response;
  },
});
const signal = AbortSignal.timeout(300_000);
const file: unknown = JSON.parse(await readFile(path, 'utf8'));
const { genesis } = await reader.checkCluster({ signal });
const { holds, proof } = await recheckBundle(reader, {
  bundle: decodeBundle(file),
  presets: [preset],
  proofTools: openProofTools,
  isLocal: true,
  signal,
});
if (!holds || proof === undefined) throw new Error('This bundle does not hold, or nothing was proven.');
const recorded = {
  about:
    'Written by test/e2e/recordProven.ts: the bundle of a proven answer and the accounts with which it is rechecked.',
  programId,
  genesisHash: toBase58(genesis),
  accounts: Object.fromEntries(Object.entries(accounts).sort(([a], [b]) => (a < b ? -1 : 1))),
  bundle: file,
};
await writeFile(new URL('../vectors/proven.json', import.meta.url), `${JSON.stringify(recorded, undefined, 2)}\n`);
