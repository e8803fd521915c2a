import { configFiles } from '@karmesh/sdk/participant/settings';
import { momentOf, momentText, type OpenCluster, openCluster, percentText } from '@karmesh/sdk/participant/staking';
import { NONE, type ProposalAccount, toBase58 } from '@karmesh/sdk/program';
import { firstSlotOfEpoch } from '@karmesh/sdk/protocol';
import { command, generateKeypair, output } from '@karmesh/sdk/runtime';
import { askedOf, askedText, proposalState, sharesOf, votesUntil } from '../governance/proposalState.ts';
import { proposalsSchema, registerSchema, startSchema } from './config.ts';

/** `karmesh-validator proposals`: what validators are asked, and how each vote stands. It needs no key. */
export const proposalsCommand = command({
  program: 'karmesh validator proposals',
  summary: 'Lists what validators are asked, how much of the stake said yes, and what can be executed when.',
  section: 'validator',
  schema: proposalsSchema,
  sharedWith: [startSchema, registerSchema],
  files: configFiles,
  async run({ config: settings }, options) {
    // It only reads.
    const cluster = await openCluster(settings, generateKeypair(), options);
    const proposals = await cluster.client.proposals(options);
    const shown = proposals.map((proposal) => shownProposal(proposal, cluster));
    output({ json: settings.json })().data(
      { epoch: cluster.epoch, pausedUntilEpoch: cluster.config.pausedUntilEpoch, proposals: shown },
      () => (shown.length === 0 ? 'Nobody has asked anything.' : shown.map(rendered).join('\n\n')),
    );
    return 0;
  },
});

type Shown = ReturnType<typeof shownProposal>;

function shownProposal(proposal: ProposalAccount, { config, epoch, now }: OpenCluster) {
  const hasPassed = proposal.passedEpoch !== NONE;
  const asked = askedOf(proposal, config);
  return {
    proposal: toBase58(proposal.address),
    proposer: toBase58(proposal.proposer),
    nonce: proposal.nonce,
    asked,
    epoch: proposal.epoch,
    state: proposalState(proposal, epoch ?? 0n),
    ...sharesOf(proposal),
    votesUntilEpoch: votesUntil(proposal),
    passedEpoch: hasPassed ? proposal.passedEpoch : null,
    executableFrom: hasPassed ? momentOf(now, firstSlotOfEpoch(now, proposal.executableFromEpoch)) : null,
  };
}

function rendered(one: Shown): string {
  return [
    `${one.proposal}  ${one.state}`,
    `  asks      ${askedText(one.asked)}`,
    `  yes       ${percentText(one.yesBps)} of the stake of epoch ${one.epoch}; it passes above ${percentText(one.passesAboveBps)}`,
    ...(one.state === 'open' ? [`  votes     until epoch ${one.votesUntilEpoch}`] : []),
    ...(one.executableFrom === null || one.state === 'executed'
      ? []
      : [`  executed  by anyone from ${momentText(one.executableFrom)}`]),
    `  proposer  ${one.proposer}`,
  ].join('\n');
}
