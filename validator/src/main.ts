#!/usr/bin/env node
import { runCommands } from '@karmesh/sdk/runtime';

const usage = `Usage: karmesh validator COMMAND [--json] [--help]

  karmesh validator start                run a registered validator until Ctrl-C
  karmesh validator status               show the epoch, stake, duties and what comes next
  karmesh validator evidence             list offences that were found and the cases against them
  karmesh validator doctor               check keys, cluster, lamports, disk, models and peers, and say what to do
  karmesh validator init                 make keys and karmesh.config.json, by asking
  karmesh validator register             bond an identity as a validator
  karmesh validator stake                stake behind a validator, of its owner or of anyone
  karmesh validator unstake              send stake on its way out
  karmesh validator withdraw             pay out what is free of it
  karmesh validator rewards              show what is owed, and collect it with --collect
  karmesh validator commission           set what the owner keeps of rewards
  karmesh validator proposals            list what validators are asked, and how each vote stands
  karmesh validator propose              ask validators for a parameter, a pause or a payment
  karmesh validator vote                 say yes to a proposal
  karmesh validator execute              do what a passed proposal says
  karmesh validator slashing-protection  move what must never be signed twice (export, import)
  karmesh validator sign-epoch           sign what a final epoch came to, for a contract on an EVM chain

Each command has its own --help.
`;

const commands = {
  start: async () => (await import('./cli/startCommand.ts')).startCommand,
  status: async () => (await import('./cli/statusCommand.ts')).statusCommand,
  evidence: async () => (await import('./cli/evidenceCommand.ts')).evidenceCommand,
  doctor: async () => (await import('./cli/doctorCommand.ts')).doctorCommand,
  init: async () => (await import('./cli/initCommand.ts')).initCommand,
  register: async () => (await import('./cli/registerCommand.ts')).registerCommand,
  stake: async () => (await import('./cli/stakeCommands.ts')).stake,
  unstake: async () => (await import('./cli/stakeCommands.ts')).unstake,
  withdraw: async () => (await import('./cli/stakeCommands.ts')).withdraw,
  rewards: async () => (await import('./cli/stakeCommands.ts')).rewards,
  commission: async () => (await import('./cli/commissionCommand.ts')).commissionCommand,
  proposals: async () => (await import('./cli/proposalsCommand.ts')).proposalsCommand,
  propose: async () => (await import('./cli/proposeCommand.ts')).proposeCommand,
  vote: async () => (await import('./cli/voteCommand.ts')).voteCommand,
  execute: async () => (await import('./cli/executeCommand.ts')).executeCommand,
  'slashing-protection': async () => (await import('./cli/slashingProtectionCommand.ts')).slashingProtectionCommand,
  'sign-epoch': async () => (await import('./cli/signEpochCommand.ts')).signEpochCommand,
};

process.exitCode = await runCommands({ usage, commands }, process.argv.slice(2));
