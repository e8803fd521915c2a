import { type CandidateGroup, candidateGroupCodec, decode, encode } from '@karmesh/sdk/protocol';
import { type Db, ownGateway } from './db.ts';

/** Keeps the table that an epoch's draws are made from. It never changes within its epoch, so the first one stays. */
export async function keepCandidateGroup(db: Db, group: CandidateGroup): Promise<void> {
  await db.sql
    .insertInto('candidate_groups')
    .values({
      gateway: ownGateway(db),
      epoch: group.epoch,
      engine_class: group.engineClass,
      model_id: group.modelId,
      body: encode(candidateGroupCodec, group),
    })
    .onConflict((conflict) => conflict.columns(['gateway', 'epoch', 'engine_class', 'model_id']).doNothing())
    .execute();
}

export async function findCandidateGroup(
  db: Db,
  key: Pick<CandidateGroup, 'epoch' | 'engineClass' | 'modelId'>,
): Promise<CandidateGroup | undefined> {
  const row = await db.sql
    .selectFrom('candidate_groups')
    .select('body')
    .where('gateway', '=', db.gateway)
    .where('epoch', '=', key.epoch)
    .where('engine_class', '=', key.engineClass)
    .where('model_id', '=', key.modelId)
    .executeTakeFirst();
  return row === undefined ? undefined : decode(candidateGroupCodec, row.body);
}
