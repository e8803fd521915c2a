import { type Command, commandGroup } from '@karmesh/sdk/runtime';

const usage = `Usage: karmesh model COMMAND [--json] [--help]

  karmesh model inspect  what a model file is, and what exact arithmetic makes of it
  karmesh model convert  convert a model for exact arithmetic
  karmesh model keys     put together the keys for proofs of a model, or make development keys
  karmesh model bench    measure both engines on this machine

Each command has its own --help.
`;

/** `karmesh model COMMAND`. Throws `CONFIG_INVALID` if there is no such command. */
export const modelCommand: Command = commandGroup({
  name: 'model',
  usage,
  commands: {
    inspect: async () => (await import('./modelInspectCommand.ts')).modelInspectCommand,
    bench: async () => (await import('./modelBenchCommand.ts')).modelBenchCommand,
    keys: async () => (await import('./modelKeysCommand.ts')).modelKeysCommand,
    convert: async () => (await import('./modelConvertCommand.ts')).modelConvertCommand,
  },
});
