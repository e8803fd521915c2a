import { encode, verdictRecord, verdictsRootOf } from '@karmesh/sdk/protocol';
import type { RunDuty } from './dutyParts.ts';
import { epochContext } from './epochContext.ts';
import { buildVerdictList, verdictListCodec } from './verdictList.ts';

/** P-16: posts the root over the verdicts that this validator holds. The list is on disk, and so served, before the chain names it. */
export const postVerdicts: RunDuty = async (parts, account, { signal }) => {
  const { domain, store, writer, log } = parts;
  const { epoch } = account;
  const context = await epochContext(parts, account, { signal });
  if (context === undefined) return 'waiting';
  const list = buildVerdictList(context.verdicts, store.book(epoch)?.verdicts.values() ?? []);
  const verdictsRoot = verdictsRootOf(list.map(({ value }) => verdictRecord.hash(domain, value)));
  await store.addBody({ epoch, kind: 'verdicts', key: verdictsRoot, bytes: encode(verdictListCodec, list) });
  const signature = await writer.postVerdicts({ epoch, verdictsRoot, verdictCount: list.length }, { signal });
  log.info(
    { epoch: epoch.toString(), verdicts: list.length, drawn: context.audits.length, signature },
    'The verdicts were posted.',
  );
  return 'done';
};
