import type { EpochBodies } from '@karmesh/sdk/participant';
import { type ChainView, EPOCH_STATE, NONE } from '@karmesh/sdk/program';

/**
 * W-17: the newest epoch of which, and of all before, no answer can be drawn any more: it is final, and what the newest final report carries stands in later sets. Undefined before the
 * first final report, and while no validator serves the newest one. Throws `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`.
 */
export async function settledEpoch(
  { view, bodies }: { readonly view: Pick<ChainView, 'config' | 'epochAccount'>; readonly bodies: EpochBodies },
  { signal }: { readonly signal: AbortSignal },
): Promise<bigint | undefined> {
  const { lastFinalisedEpoch: last } = view.config();
  if (last === NONE) return undefined;
  const account = view.epochAccount(last);
  if (account?.state === EPOCH_STATE.finalised && account.carriedCount === 0) return last;
  const report = await bodies.report(last, { signal });
  if (report === undefined) return undefined;
  const oldest = report.body.carried.reduce(
    (least, { drawnEpoch }) => (drawnEpoch < least ? drawnEpoch : least),
    last + 1n,
  );
  return oldest - 1n;
}
