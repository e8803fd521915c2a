import { type Command, unknownCommand } from '@karmesh/sdk/runtime';

const usage = `Usage: karmesh ceremony COMMAND [--json] [--help]

  karmesh ceremony powers      begin powers of tau, the first phase
  karmesh ceremony begin       begin a layer's key, the second phase
  karmesh ceremony contribute  add a random number of your own to either
  karmesh ceremony beacon      end either with public randomness
  karmesh ceremony verify      check either, and whether a cluster takes the key

Each command has its own --help.
`;

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  powers: async () => (await import('./ceremonyPowersCommand.ts')).ceremonyPowersCommand,
  begin: async () => (await import('./ceremonyBeginCommand.ts')).ceremonyBeginCommand,
  contribute: async () => (await import('./ceremonyContributeCommand.ts')).ceremonyContributeCommand,
  beacon: async () => (await import('./ceremonyBeaconCommand.ts')).ceremonyBeaconCommand,
  verify: async () => (await import('./ceremonyVerifyCommand.ts')).ceremonyVerifyCommand,
};

/** `karmesh ceremony COMMAND`. Throws `CONFIG_INVALID` if there is no such command. */
export const ceremonyCommand: Command = {
  async run(call) {
    const [name, ...argv] = call.argv;
    if (name === undefined || name === '--help' || name === '-h') {
      process.stdout.write(usage);
      return name === undefined ? 2 : 0;
    }
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load === undefined) {
      const known = Object.keys(commands).map((each) => `ceremony ${each}`);
      throw unknownCommand(`ceremony ${name}`, known);
    }
    const command = await load();
    return command.run({ ...call, argv });
  },
};
