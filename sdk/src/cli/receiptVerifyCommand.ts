import { readFile, stat } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { openProofTools } from '../client/openProofTools.ts';
import { type RecheckedBundle, recheckBundle } from '../client/recheckBundle.ts';
import { proofSentence } from '../client/recheckChallenge.ts';
import { KarmeshError } from '../errors.ts';
import { decodeBundle, toHex } from '../protocol/index.ts';
import { command, output } from '../runtime/index.ts';
import { chainSettings, readingClient } from './chainSettings.ts';
import { configFiles } from './clientConfig.ts';
import type { ListedCommand } from './listedCommand.ts';

/** A bundle holds a prompt of at most some MiB in hexadecimal; more than this is not a bundle. */
const MAX_BUNDLE_BYTES = 32 << 20;

const POLL_MS = 2_000;

const schema = z.object({
  ...chainSettings,
  wait: z
    .boolean()
    .default(false)
    .meta({ description: 'wait until the roots of a complete bundle are final on chain' }),
});

/** `karmesh receipt verify BUNDLE`: exit code 0 only if everything holds and the epoch is final. */
export const receiptVerifyCommand: ListedCommand = {
  title: 'recheck an answer from its bundle and the chain',
  ...command({
    program: 'karmesh receipt verify',
    summary: 'Rechecks signatures, assignment, seals, quorum, price, paths and the roots on chain.',
    section: 'receipt',
    schema,
    positionals: [{ name: 'bundle', description: 'the bundle’s file' }],
    files: configFiles,
    async run(read, { signal }) {
      const [path] = read.positionals;
      if (path === undefined) throw new KarmeshError('CONFIG_INVALID', 'There is no bundle to verify.');
      const bundle = decodeBundle(await readJsonFile(path));
      const { cluster, client } = await readingClient(read.config);
      const recheck = () =>
        recheckBundle(client, {
          bundle,
          presets: cluster.presets,
          proofTools: openProofTools,
          isLocal: cluster.isLocal,
          signal,
        });
      const talk = output({ json: read.config.json })();
      // What a bundle lacks no wait brings.
      const isWhole = bundle.set !== undefined && bundle.report !== undefined;
      let verdict = await recheck();
      if (read.config.wait && isWhole && isPending(verdict)) talk.talk('Waiting until the epoch is final …');
      while (read.config.wait && isWhole && isPending(verdict)) {
        await pause(POLL_MS, undefined, { signal });
        verdict = await recheck();
      }
      talk.data({ ...verdict, requestId: toHex(verdict.requestId) }, () => renderVerdict(verdict));
      return verdict.holds ? 0 : 1;
    },
  }),
};

/** Whether nothing fails and only the chain's word is missing. */
function isPending({ checks, pending }: RecheckedBundle): boolean {
  return pending.length > 0 && checks.every(({ holds }) => holds);
}

async function readJsonFile(path: string): Promise<unknown> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BUNDLE_BYTES)
      throw new KarmeshError('BUNDLE_INVALID', 'The file is too large for a bundle.', { path, bytes: size });
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof KarmeshError) throw cause;
    throw new KarmeshError('BUNDLE_INVALID', 'The bundle’s file cannot be read as JSON.', { path }, cause);
  }
}

/** One line per check, then what is pending and the verdict. */
export function renderVerdict(verdict: RecheckedBundle): string {
  const width = Math.max(...verdict.checks.map(({ rule }) => rule.length));
  const lines = verdict.checks.map(({ rule, what, holds, facts }) => {
    const detail = Object.entries(facts).map(([name, value]) => `${name}=${value}`);
    return `${holds ? '✔' : '✖'} ${rule.padEnd(width)}  ${what}${detail.length > 0 ? ` (${detail.join(', ')})` : ''}`;
  });
  const failed = verdict.checks.filter(({ holds }) => !holds).length;
  const close = verdict.holds
    ? `The answer to request ${toHex(verdict.requestId)} holds.`
    : failed > 0
      ? `The bundle does not hold: ${failed} of ${verdict.checks.length} checks fail.`
      : 'Everything that can be checked now holds; the rest is pending.';
  const pending = verdict.pending.map((sentence) => `… ${sentence}`);
  return [...lines, ...pending, ...renderProof(verdict), '', close].join('\n');
}

/** What was proven of which token, and what keeps it from being everything. */
function renderProof({ proof, lacksProof }: RecheckedBundle): readonly string[] {
  if (lacksProof === true)
    return [
      '',
      'Proofs were asked for, and this bundle has none: a replay by auditors alone stands behind the answer.',
    ];
  if (proof === undefined) return [];
  const { proven, unproven, recorded, isInsecure } = proof;
  return [
    '',
    proofSentence(proof),
    ...(recorded < proven ? ['Records are made some minutes after an answer, and validators take old ones back.'] : []),
    ...(unproven.length > 0 ? [`Covered by an auditor’s replay alone: ${unproven.join(', ')}.`] : []),
    ...(isInsecure
      ? ['INSECURE DEVELOPMENT KEYS: everybody can forge these proofs. They are for this local cluster alone.']
      : []),
  ];
}
