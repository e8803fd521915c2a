import { type Command, commandGroup } from '@karmesh/sdk/runtime';

const usage = `Usage: karmesh validator slashing-protection COMMAND FILE [--json] [--help]

  karmesh validator slashing-protection export  write what this folder has signed to a file
  karmesh validator slashing-protection import  take such a file in, so that nothing contradicts it

Each command has its own --help.
`;

/** `karmesh validator slashing-protection`: moves what must never be signed twice from folder to folder (V-25). */
export const slashingProtectionCommand: Command = commandGroup({
  name: 'slashing-protection',
  usage,
  commands: {
    export: async () => (await import('./exportProtectionCommand.ts')).exportProtectionCommand,
    import: async () => (await import('./importProtectionCommand.ts')).importProtectionCommand,
  },
});
