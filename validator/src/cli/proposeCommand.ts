import { KarmeshError } from '@karmesh/sdk/errors';
import { nearestName } from '@karmesh/sdk/nearest-name';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { parseAmount, sendStaking, sentLines, typedAddress } from '@karmesh/sdk/participant/staking';
import { type Asked, type ConfigAccount, type ProposalAccount, propose, toBase58 } from '@karmesh/sdk/program';
import { CHAIN_PARAMETERS, equalBytes } from '@karmesh/sdk/protocol';
import { command, output } from '@karmesh/sdk/runtime';
import { openGovernance, ownValidator } from '../governance/openGovernance.ts';
import { checkWeight, runningEpoch, voteRefused } from '../governance/refuse.ts';
import { proposeSchema, registerSchema, startSchema } from './config.ts';

/** `karmesh-validator propose`: asks the validators of this epoch (P-36, P-37). The proposal says nothing for its proposer, who votes like all others. */
export const proposeCommand = command({
  program: 'karmesh validator propose',
  summary: 'Asks validators: `parameter NAME VALUE`, `pause EPOCHS`, or `payment AMOUNT ADDRESS` from the treasury.',
  section: 'validator',
  schema: proposeSchema,
  sharedWith: [startSchema, registerSchema],
  positionals: [
    { name: 'what', description: 'parameter, pause or payment' },
    { name: 'first', description: 'the parameter’s name, the epochs, or the lamports (1.5sol for SOL)' },
    { name: 'second', description: 'the parameter’s new value, or who is paid', optional: true },
  ],
  files: configFiles,
  async run({ config: settings, positionals }, options) {
    const talk = output({ json: settings.json })();
    const asked = parseAsked(positionals);
    const cluster = await openGovernance(settings, options);
    const validator = await ownValidator(cluster, options);
    const { client, config, keypair } = cluster;
    checkWeight(validator, runningEpoch(cluster));
    checkAsked(asked, config);
    const nonce = settings.nonce ?? freeNonce(await client.proposals(options), validator.address);
    const proposal = toBase58(client.addresses.proposal(validator.address, nonce));
    const keys = { identity: keypair.publicKey, validator: validator.address };
    const instructions = [propose(client.addresses, { ...keys, nonce, asked })];
    const what = `ask the validators for ${positionals.join(' ')}; the rent comes back when the proposal is over`;
    const sent = await sendStaking(cluster, { instructions, what, dryRun: settings.dryRun, talk }, options);
    talk.data({ action: 'propose', proposal, nonce, ...sent }, () =>
      [
        `${sent.dryRun ? 'Would ask' : 'Asked'} under ${proposal}.`,
        `For it: karmesh validator vote ${proposal}`,
        ...sentLines(sent),
      ].join('\n'),
    );
    return 0;
  },
});

/** Throws `CONFIG_INVALID`. */
function parseAsked([kind, first = '', second = '']: readonly string[]): Asked {
  if (kind === 'parameter') {
    const index = (CHAIN_PARAMETERS as readonly string[]).indexOf(first);
    if (index < 0)
      throw new KarmeshError('CONFIG_INVALID', 'There is no such parameter.', {
        parameter: first,
        didYouMean: nearestName(first, CHAIN_PARAMETERS),
        known: 'docs/reference/parameters.md',
      });
    return { kind, index, value: wholeNumber(second, 'value') };
  }
  if (kind === 'pause' && second === '') return { kind, epochs: wholeNumber(first, 'epochs') };
  if (kind === 'payment')
    return { kind, lamports: parseAmount(first, 'lamports'), recipient: typedAddress(second, 'recipient') };
  throw new KarmeshError('CONFIG_INVALID', 'What is asked is not understood.', {
    known: 'parameter NAME VALUE, pause EPOCHS, payment AMOUNT ADDRESS',
  });
}

function wholeNumber(text: string, name: string): bigint {
  if (/^\d{1,19}$/.test(text)) return BigInt(text);
  throw new KarmeshError('CONFIG_INVALID', 'A whole number is needed here.', { [name]: text });
}

/** Throws `VOTE_REFUSED` for what could never be executed; the program's bounds of parameters are its own to say. */
function checkAsked(asked: Asked, { parameters }: ConfigAccount): void {
  if (asked.kind === 'pause' && (asked.epochs < 1n || asked.epochs > 8n))
    throw voteRefused('A pause is of one to eight epochs.', { epochs: asked.epochs });
  if (asked.kind === 'parameter' && parameters[asked.index] === asked.value)
    throw voteRefused('The parameter has this value already.', {
      parameter: CHAIN_PARAMETERS[asked.index],
      value: asked.value,
    });
}

/** The number after the highest that the validator has a proposal under. */
function freeNonce(proposals: readonly ProposalAccount[], validator: Uint8Array): bigint {
  const own = proposals.filter(({ proposer }) => equalBytes(proposer, validator));
  return own.reduce((next, { nonce }) => (nonce >= next ? nonce + 1n : next), 0n);
}
