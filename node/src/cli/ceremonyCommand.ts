import { type Command, commandGroup } from '@karmesh/sdk/runtime';

const usage = `Usage: karmesh ceremony COMMAND [--json] [--help]

  karmesh ceremony powers      begin powers of tau, the first phase
  karmesh ceremony layers      list the keys that a model needs, and begin them all
  karmesh ceremony begin       begin a layer's key, the second phase
  karmesh ceremony contribute  add a random number of your own to either
  karmesh ceremony beacon      end either with public randomness
  karmesh ceremony verify      check either, and whether a cluster takes the key

Each command has its own --help.
`;

/** `karmesh ceremony COMMAND`. Throws `CONFIG_INVALID` if there is no such command. */
export const ceremonyCommand: Command = commandGroup({
  name: 'ceremony',
  usage,
  commands: {
    powers: async () => (await import('./ceremonyPowersCommand.ts')).ceremonyPowersCommand,
    layers: async () => (await import('./ceremonyLayersCommand.ts')).ceremonyLayersCommand,
    begin: async () => (await import('./ceremonyBeginCommand.ts')).ceremonyBeginCommand,
    contribute: async () => (await import('./ceremonyContributeCommand.ts')).ceremonyContributeCommand,
    beacon: async () => (await import('./ceremonyBeaconCommand.ts')).ceremonyBeaconCommand,
    verify: async () => (await import('./ceremonyVerifyCommand.ts')).ceremonyVerifyCommand,
  },
});
