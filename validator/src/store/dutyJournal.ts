import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '@karmesh/sdk/runtime';
import { z } from 'zod';
import type { VoteFacts } from '../chain/chainReader.ts';

const count = z.int().min(0);
const journalSchema = z.strictObject({
  /** The last final epoch that is counted. */
  lastEpoch: z.string().regex(/^-?\d+$/),
  epochs: count,
  done: z.strictObject({ attest: count, revealSalt: count, seal: count, revealRoot: count }),
  missed: z.strictObject({ attest: count, revealSalt: count, seal: count, revealRoot: count }),
});
export type DutyCounts = z.infer<typeof journalSchema>;

const EMPTY: DutyCounts = {
  lastEpoch: '-1',
  epochs: 0,
  done: { attest: 0, revealSalt: 0, seal: 0, revealRoot: 0 },
  missed: { attest: 0, revealSalt: 0, seal: 0, revealRoot: 0 },
};

/** What a vote account shows of the four duties of an epoch. */
export function countVote(counts: DutyCounts, epoch: bigint, vote: VoteFacts | undefined): DutyCounts {
  const kept = {
    attest: vote?.attested === true,
    revealSalt: vote?.saltRevealed === true,
    seal: vote?.sealed === true,
    revealRoot: vote?.revealed === true,
  };
  const add = (to: DutyCounts['done'], wanted: boolean): DutyCounts['done'] => ({
    attest: to.attest + Number(kept.attest === wanted),
    revealSalt: to.revealSalt + Number(kept.revealSalt === wanted),
    seal: to.seal + Number(kept.seal === wanted),
    revealRoot: to.revealRoot + Number(kept.revealRoot === wanted),
  });
  return {
    lastEpoch: epoch.toString(),
    epochs: counts.epochs + 1,
    done: add(counts.done, true),
    missed: add(counts.missed, false),
  };
}

/** The counts that a validator left in its folder; all zero if it has none. */
export async function readDutyCounts(path: string): Promise<DutyCounts> {
  try {
    return journalSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    // Counts are for people; a lost file costs no duty.
    return EMPTY;
  }
}

/** Replaces the counts on disk. */
export async function writeDutyCounts(path: string, counts: DutyCounts): Promise<void> {
  await writeFileAtomic({ path, bytes: `${JSON.stringify(counts)}\n`, mode: 0o644 });
}
