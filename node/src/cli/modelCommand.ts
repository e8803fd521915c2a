import { type Command, unknownCommand } from '@karmesh/sdk/runtime';

const usage = `Usage: karmesh model COMMAND [--json] [--help]

  karmesh model inspect  what a model file is, and what exact arithmetic makes of it
  karmesh model convert  convert a model for exact arithmetic
  karmesh model keys     make development keys for proofs of a model
  karmesh model bench    measure both engines on this machine

Each command has its own --help.
`;

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  inspect: async () => (await import('./modelInspectCommand.ts')).modelInspectCommand,
  bench: async () => (await import('./modelBenchCommand.ts')).modelBenchCommand,
  keys: async () => (await import('./modelKeysCommand.ts')).modelKeysCommand,
  convert: async () => (await import('./modelConvertCommand.ts')).modelConvertCommand,
};

/** `karmesh model COMMAND`. Throws `CONFIG_INVALID` if there is no such command. */
export const modelCommand: Command = {
  async run(call) {
    const [name, ...argv] = call.argv;
    if (name === undefined || name === '--help' || name === '-h') {
      process.stdout.write(usage);
      return name === undefined ? 2 : 0;
    }
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load === undefined) {
      const known = Object.keys(commands).map((each) => `model ${each}`);
      throw unknownCommand(`model ${name}`, known);
    }
    const command = await load();
    return command.run({ ...call, argv });
  },
};
