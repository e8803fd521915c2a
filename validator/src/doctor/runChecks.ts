import { KarmeshError } from '@karmesh/sdk/errors';
import type { Finding, Found } from './finding.ts';

type Signalled = { readonly signal: AbortSignal };

/** One question and how it is answered. What it throws as a `KarmeshError` is its finding. */
export interface Check {
  readonly name: string;
  run(options: Signalled): Promise<Found>;
}

const MARKS = { ok: '✓', warning: '!', failed: '✖' } as const;

/** Runs checks one after the other, so that none slows another that measures. */
export async function runChecks(checks: readonly Check[], { signal }: Signalled): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { name, run } of checks) findings.push({ name, ...(await run({ signal }).catch(foundOf)) });
  return findings;
}

function foundOf(error: unknown): Found {
  if (!(error instanceof KarmeshError)) throw error;
  const facts = Object.entries(error.facts).filter(([, value]) => value !== undefined);
  const shown = facts.map(([name, value]) => `${name} ${value}`).join(', ');
  return {
    severity: 'failed',
    sentence: shown === '' ? error.message : `${error.message} (${shown})`,
    todo: `See ${error.docs}.`,
  };
}

/** One line per check, below it what to do, and a last line with the sum. */
export function renderFindings(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, severity, sentence, todo }) => [
    `${MARKS[severity]} ${name.padEnd(width)}  ${sentence}`,
    ...(todo === undefined ? [] : [`  ${' '.repeat(width)}  → ${todo}`]),
  ]);
  const count = (severity: Finding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const [wrong, odd] = [count('failed'), count('warning')];
  const sum =
    wrong > 0
      ? `${wrong} of ${findings.length} checks failed; mend these before you start.`
      : odd > 0
        ? `It can run; ${odd} of ${findings.length} checks are worth a look.`
        : 'All is well.';
  return [...lines, '', sum].join('\n');
}
