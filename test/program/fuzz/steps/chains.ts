import { at } from '../../model/addresses.ts';
import { epochAt, GATEWAY } from '../../model/amounts.ts';
import { keyNamed } from '../cast.ts';
import { all, configOf } from '../stage.ts';
import { type Idea, send } from '../step.ts';

/** A gateway's chain for the next epoch or one after it. */
export const committingChain: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  const gateway = random.pick(all(stage.ledger, 'participant').filter(({ data }) => data.role === GATEWAY));
  if (config === undefined || gateway === undefined) return undefined;
  const now = epochAt(config, stage.ledger.slot);
  const epoch = (now ?? 0n) + BigInt(random.chance(90) ? random.below(3) : 0);
  const { key, data } = gateway;
  const length = random.chance(95) ? 1 + random.below(65_536) : 65_537;
  return send('commit_chain', [data.identity, at.config, key, at.chain(key, epoch)], {
    signs: [data.identity],
    args: { epoch, commitment: keyNamed(`chain ${epoch}`), length },
  });
};

/** The end of a chain, mostly of the oldest. */
export const endChain: Idea = (stage, random) => {
  const chains = all(stage.ledger, 'chain').sort((a, b) => (a.data.epoch < b.data.epoch ? -1 : 1));
  const chain = random.chance(80) ? chains[0] : random.pick(chains);
  const gateway = chain === undefined ? undefined : stage.ledger.accounts.get(chain.data.gateway)?.data;
  if (chain === undefined || gateway?.kind !== 'participant') return undefined;
  return send('close_chain', [at.config, chain.data.gateway, gateway.owner, chain.key]);
};
