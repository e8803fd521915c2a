import { type ParticipantAccount, ROLE } from '@karmesh/sdk/program';
import bs58 from 'bs58';
import { expect, test } from 'vitest';
import type { WorkerEvidence } from '../routing/runWindow.ts';
import { workerRoutes } from './workers.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const participant = (role: number, fill: number, slashIndex: bigint) =>
  ({
    address: bytes(fill),
    role,
    ownUnits: 500n,
    slashIndex,
    openCases: 2,
    engineClass: bytes(0xec),
    models: [bytes(0xab)],
  }) as unknown as ParticipantAccount;
const evidence: WorkerEvidence = {
  drawn: 9,
  agreed: 5,
  dissented: 1,
  refused: { paused: 2 },
  timedOut: { 'no-seal': 1 },
  sealMs: { p50: 100, p95: 333.3333 },
  msPerToken: { p50: 4.256, p95: 7 },
  audits: { passed: 3, withoutDifference: 2, ofProofs: 1, failed: { 20: 1 } },
};
const none: WorkerEvidence = {
  ...evidence,
  ...{ drawn: 0, agreed: 0, dissented: 0, refused: {}, timedOut: {}, sealMs: undefined, msPerToken: undefined },
};

test('each worker has its row, whatever is known of it', async () => {
  const routes = workerRoutes({
    view: {
      participants: () => [
        participant(ROLE.worker, 1, (3n << 60n) / 4n),
        participant(ROLE.validator, 2, 1n << 60n),
        participant(ROLE.worker, 3, 1n << 60n),
      ],
    },
    announced: () => [{ participant: bytes(3), incarnation: 1n, models: [], health: undefined }],
    window: {
      size: () => ({ runs: 9, sinceMs: 17 }),
      worker: (worker) => (worker[0] === 1 ? evidence : none),
    },
  });
  const response = await routes.request('/v1/workers');
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
  expect(await response.json()).toMatchObject({
    object: 'list',
    total: 2,
    runs: 9,
    since_ms: 17,
    data: [
      {
        id: bs58.encode(bytes(1)),
        is_reachable: false,
        drawn: 9,
        agreed: 5,
        dissented: 1,
        refused: { paused: 2 },
        timed_out: { 'no-seal': 1 },
        seal_ms: { p50: 100, p95: 333.33 },
        ms_per_token: { p50: 4.26, p95: 7 },
        audits: { passed: 3, without_difference: 2, of_proofs: 1, failed: { 20: 1 } },
        bond_lamports: '375',
        slashed_permille: 250,
        open_cases: 2,
      },
      { id: bs58.encode(bytes(3)), is_reachable: true, drawn: 0, seal_ms: null, slashed_permille: 0 },
    ],
  });
});
