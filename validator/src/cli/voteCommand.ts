import { configFiles } from '@karmesh/sdk/participant/settings';
import { percentText, sendStaking, sentLines } from '@karmesh/sdk/participant/staking';
import { toBase58, voteProposal } from '@karmesh/sdk/program';
import { command, output } from '@karmesh/sdk/runtime';
import { namedProposal, openGovernance, ownValidator } from '../governance/openGovernance.ts';
import { askedOf, askedText, proposalState, sharesOf } from '../governance/proposalState.ts';
import { checkTakesVotes, checkWeight, runningEpoch, voteRefused } from '../governance/refuse.ts';
import { governanceSchema, registerSchema, startSchema } from './config.ts';

/** `karmesh-validator vote`: a yes (P-36). There is no other word: who is against it keeps silent. */
export const voteCommand = command({
  program: 'karmesh validator vote',
  summary: 'Says yes to a proposal, with the weight that this validator had in the proposal’s epoch.',
  section: 'validator',
  schema: governanceSchema,
  sharedWith: [startSchema, registerSchema],
  positionals: [{ name: 'proposal', description: 'its address, as `proposals` shows it' }],
  files: configFiles,
  async run({ config: settings, positionals: [text = ''] }, options) {
    const talk = output({ json: settings.json })();
    const cluster = await openGovernance(settings, options);
    const validator = await ownValidator(cluster, options);
    const proposal = await namedProposal(cluster, text, options);
    const { client, keypair } = cluster;
    checkTakesVotes(proposal, runningEpoch(cluster));
    checkWeight(validator, proposal.epoch);
    if ((await client.ballot(proposal.address, validator.address, options)) !== undefined)
      throw voteRefused('This validator has said yes already.', { validator: toBase58(validator.address) });
    const what = `say yes to ${askedText(askedOf(proposal, cluster.config))}; the rent comes back when the proposal is over`;
    const keys = { identity: keypair.publicKey, validator: validator.address };
    const instructions = [voteProposal(client.addresses, { ...keys, proposal: proposal.address })];
    const sent = await sendStaking(cluster, { instructions, what, dryRun: settings.dryRun, talk }, options);
    const after = sent.dryRun ? proposal : ((await client.proposal(proposal.address, options)) ?? proposal);
    const shares = sharesOf(after);
    const state = proposalState(after, runningEpoch(cluster));
    talk.data({ action: 'vote', proposal: text, state, ...shares, ...sent }, () =>
      [
        `${sent.dryRun ? 'Would say' : 'Said'} yes. ${percentText(shares.yesBps)} of the stake did; it is ${state}.`,
        ...sentLines(sent),
      ].join('\n'),
    );
    return 0;
  },
});
