#!/usr/bin/env node
import { runCommands } from '@karmesh/sdk/runtime';

const usage = `Usage: karmesh worker COMMAND [--json] [--help]

  karmesh worker start     run a registered worker until Ctrl-C
  karmesh worker register  bond an identity as a worker of this machine's class and model
  karmesh worker stake     add to a worker's bond
  karmesh worker unstake   send some or all of it on its way out
  karmesh worker withdraw  pay out what is free of it
  karmesh worker capacity  set how many requests at once the bond stands for
  karmesh worker rewards   show bond, pay and what is on its way out
  karmesh worker access    which gateways a worker that asks works for (also: karmesh access)
  karmesh worker describe  show the engine class and model id of this machine
  karmesh worker model     inspect, convert and measure model files (also: karmesh model)
  karmesh worker ceremony  make the keys of proofs with others (also: karmesh ceremony)

Each command has its own --help.
`;

const commands = {
  start: async () => (await import('./cli/startCommand.ts')).startCommand,
  register: async () => (await import('./cli/registerCommand.ts')).registerCommand,
  stake: async () => (await import('./cli/stakeCommands.ts')).stake,
  unstake: async () => (await import('./cli/stakeCommands.ts')).unstake,
  withdraw: async () => (await import('./cli/stakeCommands.ts')).withdraw,
  capacity: async () => (await import('./cli/capacityCommand.ts')).capacityCommand,
  rewards: async () => (await import('./cli/stakeCommands.ts')).rewards,
  access: async () => (await import('./cli/accessCommand.ts')).accessCommand,
  describe: async () => (await import('./cli/describeCommand.ts')).describeCommand,
  model: async () => (await import('./cli/modelCommand.ts')).modelCommand,
  ceremony: async () => (await import('./cli/ceremonyCommand.ts')).ceremonyCommand,
};

process.exitCode = await runCommands({ usage, commands }, process.argv.slice(2));
