import { expect, test } from 'vitest';
import type { OpenVote } from '../chain/chainReader.ts';
import { named } from '../fixtures/market.ts';
import { ownVotes } from './ownVotes.ts';

const { signal } = new AbortController();
const vote = (epoch: bigint, endsAtSlot: bigint): OpenVote => ({ epoch, payer: named('payer'), endsAtSlot });

/** A chain on which these votes are open, and what was read of it and sent to it. */
function chainWith(...votes: readonly OpenVote[]) {
  const seen = { slot: 100n, votes: [...votes], scans: 0, sent: [] as bigint[] };
  const votesOnChain = ownVotes({
    chain: {
      slot: () => seen.slot,
      ownVotes: {
        async openVotes() {
          seen.scans += 1;
          return [...seen.votes];
        },
        openVote: async (epoch) => seen.votes.find((one) => one.epoch === epoch),
      },
    },
    writer: {
      async closeVote({ epoch }) {
        seen.sent.push(epoch);
        return 'signature';
      },
    },
  });
  return { seen, votes: votesOnChain };
}

test('P-22: a vote is closed from its slot on, and the chain is scanned once in each epoch', async () => {
  const { seen, votes } = chainWith(vote(3n, 90n), vote(4n, 120n));
  await votes.look(30n, { signal });
  await votes.look(30n, { signal });
  expect(votes.ended()).toEqual([3n]);
  seen.slot = 120n;
  expect(votes.ended()).toEqual([3n, 4n]);
  expect(await votes.close(3n, { signal })).toBe('done');
  expect(votes.ended()).toEqual([4n]);
  expect(seen.scans).toBe(1);
  seen.votes = [vote(5n, 110n)];
  await votes.look(31n, { signal });
  expect(votes.ended()).toEqual([5n]);
  expect(seen).toMatchObject({ scans: 2, sent: [3n] });
});

test('P-22: a vote that another closed, or that a fault gave more time, costs no transaction', async () => {
  const { seen, votes } = chainWith(vote(3n, 90n), vote(4n, 90n));
  await votes.look(30n, { signal });
  seen.votes = [vote(4n, 190n)];
  expect(await votes.close(3n, { signal })).toBe('done');
  expect(await votes.close(4n, { signal })).toBe('waiting');
  expect(votes.ended()).toEqual([]);
  seen.slot = 190n;
  expect(votes.ended()).toEqual([4n]);
  expect(seen.sent).toEqual([]);
});
