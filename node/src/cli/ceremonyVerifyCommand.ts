import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { admitKey, phaseOf, verifyingKeyBytes, verifyPowers } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { toHex } from '@karmesh/sdk/protocol';
import { command, output } from '@karmesh/sdk/runtime';
import type { z } from 'zod';
import { admissionPolicyOf } from './admissionPolicyOf.ts';
import { withCeremonyFaults } from './ceremonyFaults.ts';
import { beginLayer } from './ceremonyLayer.ts';
import { ceremonyVerifySchema } from './config.ts';

type Config = z.output<typeof ceremonyVerifySchema>;
type Call = { readonly path: string; readonly signal: AbortSignal };

/** `karmesh ceremony verify FILE`. Throws `CEREMONY_REFUSED` with the rule that a key breaks, `CONFIG_INVALID`, `MODEL_INVALID`. */
export const ceremonyVerifyCommand = command({
  program: 'karmesh ceremony verify',
  summary:
    'Checks powers of tau, or whether a cluster takes a key: it is begun anew from the weights, and snarkjs follows its contributions.',
  section: 'ceremony',
  schema: ceremonyVerifySchema,
  positionals: [{ name: 'file', description: 'a .ptau or .zkey file of a phase that has ended' }],
  files: configFiles,
  run: ({ config, positionals: [path = ''] }, { signal }) =>
    withCeremonyFaults(async () => {
      if ((await phaseOf(path)) === 'powers') await verifyFirst(config, { path, signal });
      else await verifySecond(config, { path, signal });
      return 0;
    }),
});

async function verifyFirst({ json }: Config, { path, signal }: Call): Promise<void> {
  const verdict = await verifyPowers(path, { signal });
  if (verdict.verdict === 'reject')
    throw new KarmeshError('CEREMONY_REFUSED', 'The powers of tau are refused.', { path, fault: verdict.fault });
  const { power, hash } = verdict;
  output({ json })().data({ path, power, powersHash: hash }, () =>
    [`${path} holds: 2^${power} powers of tau, which follow from their contributions.`, toHex(hash)].join('\n'),
  );
}

async function verifySecond(config: Config, { path, signal }: Call): Promise<void> {
  const talk = output({ json: config.json })();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-ceremony-'));
  try {
    const begun = join(folder, 'begun.zkey');
    await beginLayer(config, { path: begun, talk, signal });
    talk.talk('Following its contributions by snarkjs …');
    const verdict = await admitKey({
      zkey: path,
      beginning: { zkey: begun, powersOfTau: config.powers ?? '' },
      policy: admissionPolicyOf(config),
      signal,
    });
    if (verdict.verdict === 'reject')
      throw new KarmeshError('CEREMONY_REFUSED', `The key is refused: ${verdict.fault}.`, { path, rule: verdict.rule });
    const { contributions } = verdict;
    const keyId = createHash('sha256')
      .update(await verifyingKeyBytes(path))
      .digest();
    const listed = contributions.map(({ kind, name, hash }) => ({ kind, name, contributionHash: hash }));
    talk.data({ path, keyId, contributions: listed }, () =>
      [
        `${path} is taken.`,
        `key id  ${toHex(keyId)}`,
        ...listed.map(({ kind, name, contributionHash }) => `${kind} ${name}\n  ${toHex(contributionHash)}`),
      ].join('\n'),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
