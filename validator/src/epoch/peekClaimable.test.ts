import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NONE } from '@karmesh/sdk/program';
import {
  buildReport,
  encode,
  type Lifetime,
  reportBody,
  reportBodyCodec,
  reportHashOf,
  type TallyResult,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { openStore } from '../store/openStore.ts';
import { peekClaimable } from './peekClaimable.ts';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

test('P-21: what the last final report owes beyond what was paid, while the validator writes, and nothing of another report', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'peek-claimable-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const [domain, verdictsRoot, epoch] = [key(1), key(2), 7n];
  const row: Lifetime = { index: 3, participant: key(4), karma: [0n, 0n, 0n, 0n, 9n], owed: 1_000n };
  const result: TallyResult = {
    lifetimes: [row],
    escrowDebits: [],
    carried: [],
    credits: new Map(),
    settlements: [],
    decisions: new Map(),
  };
  const { report } = buildReport(domain, { epoch, result, priorRoot: ZERO_HASH });
  const reportHash = reportHashOf(domain, { epoch, verdictsRoot, report });
  const store = stack.use(await openStore({ folder }));
  const bytes = encode(reportBodyCodec, reportBody({ epoch, report, result, verdicts: [] }));
  await store.addBody({ epoch, kind: 'report', key: reportHash, bytes });

  const config = { domain, lastFinalisedEpoch: epoch };
  const lastFinal = { epoch, verdictsRoot, reportHash };
  const participant = { address: key(4), lifetimePaid: 400n };
  const peek = (changed: object) => peekClaimable(folder, { config, lastFinal, participant, ...changed });
  expect(await peek({})).toBe(600n);
  expect(await peek({ participant: { ...participant, lifetimePaid: 1_000n } })).toBe(0n);
  expect(await peek({ participant: { ...participant, address: key(5) } })).toBe(0n);
  expect(await peek({ config: { domain, lastFinalisedEpoch: NONE }, lastFinal: undefined })).toBe(0n);
  expect(await peek({ lastFinal: { ...lastFinal, reportHash: key(9) } })).toBeUndefined();
  expect(await peek({ lastFinal: { ...lastFinal, verdictsRoot: key(9) } })).toBeUndefined();
  expect(await peekClaimable(join(folder, 'nothing'), { config, lastFinal, participant })).toBeUndefined();
});
