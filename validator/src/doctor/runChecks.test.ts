import { KarmeshError } from '@karmesh/sdk/errors';
import { expect, test } from 'vitest';
import { judgeClock } from './checkClock.ts';
import { ok, warning } from './finding.ts';
import { renderFindings, runChecks } from './runChecks.ts';

const { signal } = new AbortController();

test('what a check throws is its finding, and a bug stays one', async () => {
  const findings = await runChecks(
    [
      { name: 'clock', run: async () => judgeClock(0) },
      { name: 'disk', run: async () => warning('It is nearly full.', 'Make room.') },
      {
        name: 'keypair',
        run: async () => {
          throw new KarmeshError('KEYPAIR_MODE', 'The keypair file must have mode 0600 or 0400.', { mode: '0644' });
        },
      },
    ],
    { signal },
  );
  expect(renderFindings(findings)).toMatchInlineSnapshot(`
    "✓ clock    The clock agrees with the cluster’s.
    ! disk     It is nearly full.
               → Make room.
    ✖ keypair  The keypair file must have mode 0600 or 0400. (mode 0644)
               → See docs/errors.md#keypair_mode.

    1 of 3 checks failed; mend these before you start."
  `);
  expect(renderFindings([{ name: 'clock', ...ok('It is right.') }])).toMatch(/All is well\.$/);
  const bug = { name: 'bug', run: async () => Promise.reject(new TypeError('a bug')) };
  await expect(runChecks([bug], { signal })).rejects.toThrow('a bug');
});

test('a clock may be some seconds off, as the cluster’s own', () => {
  expect([0, -14, 16, -119, 121].map((seconds) => judgeClock(seconds).severity)).toEqual([
    'ok',
    'ok',
    'warning',
    'warning',
    'failed',
  ]);
  expect(judgeClock(-60).sentence).toBe('This machine’s clock is 60 s behind the cluster’s.');
});
