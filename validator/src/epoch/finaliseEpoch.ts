import { equalBytes } from '@karmesh/sdk/protocol';
import type { RunDuty } from './dutyParts.ts';

/** P-20: makes a reported epoch final, and says where its report's body is (V-18). */
export const finaliseEpoch: RunDuty = async ({ store, writer, announce, log }, { epoch, reportHash }, { signal }) => {
  const signature = await writer.finalise(epoch, { signal });
  const body = store.bodiesOf(epoch).find(({ kind, key }) => kind === 'report' && equalBytes(key, reportHash));
  if (body !== undefined) await announce.report({ epoch, bodyHash: body.bodyHash });
  log.info({ epoch: epoch.toString(), signature }, 'The epoch is final.');
  return 'done';
};
