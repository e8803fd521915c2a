import { checkRecord, type Signed, type Usage, usageRecord } from '../protocol/index.ts';
import type { ChainReader } from './chainReader.ts';

/**
 * True if a worker that the chain knows has signed this usage of a stream (F-23), with its identity or the one before. A buyer that leaves a stream owes what the last usage that it was
 * shown says and no more than the gateway wrote after that. Throws what the reader throws.
 */
export async function checkUsage(
  usage: Signed<Usage>,
  options: { readonly reader: Pick<ChainReader, 'checkCluster' | 'participant'>; readonly signal: AbortSignal },
): Promise<boolean> {
  const { reader, signal } = options;
  const [{ domain }, worker] = await Promise.all([
    reader.checkCluster({ signal }),
    reader.participant(usage.value.worker, { signal }),
  ]);
  if (worker === undefined) return false;
  return [worker.identity, worker.previousIdentity].some((identity) =>
    checkRecord(usageRecord, { domain, identity }, usage),
  );
}
