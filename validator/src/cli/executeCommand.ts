import { configFiles } from '@karmesh/sdk/participant/settings';
import { sendStaking, sentLines } from '@karmesh/sdk/participant/staking';
import { executeProposal, PROPOSAL_KIND } from '@karmesh/sdk/program';
import { command, output } from '@karmesh/sdk/runtime';
import { namedProposal, openGovernance } from '../governance/openGovernance.ts';
import { askedOf, askedText } from '../governance/proposalState.ts';
import { checkExecutable } from '../governance/refuse.ts';
import { governanceSchema, registerSchema, startSchema } from './config.ts';

/** `karmesh-validator execute`: does what a passed proposal says (P-36, P-37). Any keypair pays for it; running validators do it by themselves. */
export const executeCommand = command({
  program: 'karmesh validator execute',
  summary: 'Does what a passed proposal says, once its time lock has run out. Anyone may.',
  section: 'validator',
  schema: governanceSchema,
  sharedWith: [startSchema, registerSchema],
  positionals: [{ name: 'proposal', description: 'its address, as `proposals` shows it' }],
  files: configFiles,
  async run({ config: settings, positionals: [text = ''] }, options) {
    const talk = output({ json: settings.json })();
    const cluster = await openGovernance(settings, options);
    const proposal = await namedProposal(cluster, text, options);
    checkExecutable(proposal, cluster);
    const { address, kind, recipient } = proposal;
    const paid = kind === PROPOSAL_KIND.payment ? { recipient } : {};
    const instructions = [executeProposal(cluster.client.addresses, { proposal: address, ...paid })];
    const asked = askedOf(proposal, cluster.config);
    const what = `execute ${askedText(asked)}`;
    const sent = await sendStaking(cluster, { instructions, what, dryRun: settings.dryRun, talk }, options);
    talk.data({ action: 'execute', proposal: text, asked, ...sent }, () =>
      [`${sent.dryRun ? 'Would execute' : 'Executed'} ${askedText(asked)}.`, ...sentLines(sent)].join('\n'),
    );
    return 0;
  },
});
