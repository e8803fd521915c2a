import { PROGRAM_ID } from '@karmesh/sdk/program';
import { fromHex, hash, toHex } from '@karmesh/sdk/protocol';
import { at } from './addresses.ts';
import { fitTogether } from './bounds.ts';
import { type Config, type Instruction, NONE, type Vault, ZERO } from './ledger.ts';
import { creating } from './moves.ts';
import { Rules } from './rules.ts';

/** P-01: payer, config, vault. */
export const initialise: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const parameters = [...(call.args.parameters as readonly bigint[])];
  rules.check(fitTogether(parameters), 'BadParameter');
  const make = creating(
    rules,
    { place: 1, payer: 0, address: at.config, kind: 'config' },
    { place: 2, payer: 0, address: at.vault, kind: 'vault' },
  );
  rules.stop();
  return () => {
    const version = rules.number('version');
    const genesis = rules.hash('genesis');
    const versionBytes = new Uint8Array([version & 255, version >> 8]);
    const domain = toHex(hash(new TextEncoder().encode('karmesh:domain'), fromHex(genesis), PROGRAM_ID, versionBytes));
    const config: Config = {
      ...{ kind: 'config', version, started: 0, domain, genesis, initialiser: rules.key(0) },
      ...{ epochZeroSlot: NONE, participantCount: 0, workerCount: 0, gatewayCount: 0, validatorCount: 0 },
      ...{ lastFinalisedEpoch: NONE, lastRoot: ZERO, lastTotals: [0n, 0n, 0n, 0n, 0n, 0n] },
      ...{ offchainParametersHash: rules.hash('offchain_parameters_hash'), parameters },
      ...{ stake: [], validators: [], changes: [], pausedUntilEpoch: 0n, pausableFromEpoch: 0n },
      ...{ slashEpoch: 0n, slashedWeight: 0n },
    };
    const vault: Vault = {
      ...{ kind: 'vault', received: 0n, paid: 0n, rewards: 0n, rewardsPaid: 0n },
      ...{ treasuryPaid: 0n, windowEpoch: 0n, windowPaid: 0n, settled: 0n },
    };
    make([config, vault]);
  };
};

/** P-02: initialiser, config. */
export const start: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(1, 'config');
  rules.check(rules.signs(0) && rules.key(0) === config.initialiser, 'NotInitialiser');
  rules.check(config.started === 0, 'AlreadyStarted');
  rules.stop();
  return () => {
    config.started = 1;
    config.epochZeroSlot = ledger.slot + 1n;
  };
};
