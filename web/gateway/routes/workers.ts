import { type ChainView, ROLE } from '@karmesh/sdk/program';
import { equalBytes, ownBond, toHex } from '@karmesh/sdk/protocol';
import bs58 from 'bs58';
import { Hono } from 'hono';
import type { Percentiles, RunWindow } from '../routing/runWindow.ts';
import type { AnnouncedWorker } from './marketFacts.ts';

export type WorkerRouteParts = {
  readonly view: Pick<ChainView, 'participants'>;
  announced(): readonly AnnouncedWorker[];
  readonly window: Pick<RunWindow, 'size' | 'worker'>;
};

/** Rows of one answer at most; its `total` says how many there are. */
const MAX_WORKERS = 200;
/** What all of a stake is, in a slash index (P-29). */
const WHOLE = 1n << 60n;

/**
 * `GET /v1/workers`: what speaks for and against each worker, without a key. What it did is counted from this gateway's last finished dispatches,
 * whose entries anybody can read in its batches; audits are those of final reports; bond, open cases and what was slashed are on chain.
 */
export const workerRoutes = (parts: WorkerRouteParts) =>
  new Hono().get('/v1/workers', (context) => {
    const workers = parts.view.participants().filter(({ role }) => role === ROLE.worker);
    const announced = parts.announced();
    const { runs, sinceMs } = parts.window.size();
    context.header('cache-control', 'no-store');
    return context.json({
      object: 'list',
      total: workers.length,
      runs,
      since_ms: sinceMs ?? null,
      data: workers.slice(0, MAX_WORKERS).map((worker) => {
        const { agreed, audits, dissented, drawn, msPerToken, refused, sealMs, timedOut } = parts.window.worker(
          worker.address,
        );
        return {
          object: 'worker',
          id: bs58.encode(worker.address),
          engine_class: toHex(worker.engineClass),
          models: worker.models.map(toHex),
          is_reachable: announced.some(({ participant }) => equalBytes(participant, worker.address)),
          drawn,
          agreed,
          dissented,
          refused,
          timed_out: timedOut,
          seal_ms: percentiles(sealMs),
          ms_per_token: percentiles(msPerToken),
          audits: {
            passed: audits.passed,
            without_difference: audits.withoutDifference,
            of_proofs: audits.ofProofs,
            failed: audits.failed,
          },
          bond_lamports: ownBond(worker).toString(),
          slashed_permille: Number(((WHOLE - worker.slashIndex) * 1_000n) / WHOLE),
          open_cases: worker.openCases,
        };
      }),
    });
  });

const percentiles = (found: Percentiles | undefined) =>
  found === undefined ? null : { p50: rounded(found.p50), p95: rounded(found.p95) };

const rounded = (value: number): number => Math.round(value * 100) / 100;
