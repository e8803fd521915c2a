#!/usr/bin/env node
import { runCommands } from '@karmesh/sdk/runtime';

const usage = `Usage: karmesh validator COMMAND [--json] [--help]

  karmesh validator start                run a registered validator until Ctrl-C
  karmesh validator status               show the epoch, stake, duties and what comes next
  karmesh validator evidence             list offences that were found and the cases against them
  karmesh validator doctor               check keys, cluster, lamports, disk, models and peers, and say what to do
  karmesh validator init                 make keys and karmesh.config.json, by asking
  karmesh validator register             bond an identity as a validator
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
  'slashing-protection': async () => (await import('./cli/slashingProtectionCommand.ts')).slashingProtectionCommand,
  'sign-epoch': async () => (await import('./cli/signEpochCommand.ts')).signEpochCommand,
};

process.exitCode = await runCommands({ usage, commands }, process.argv.slice(2));
