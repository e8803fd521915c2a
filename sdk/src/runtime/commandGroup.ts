import { type Command, unknownCommand } from './command.ts';

/** Commands under one word, each loaded when it is called. */
export interface CommandGroup {
  readonly name: string;
  readonly usage: string;
  readonly commands: Readonly<Record<string, () => Promise<Command>>>;
}

/** `karmesh NAME COMMAND`. Throws `CONFIG_INVALID` if there is no such command. */
export function commandGroup({ name: group, usage, commands }: CommandGroup): Command {
  return {
    async run(call) {
      const [name, ...argv] = call.argv;
      if (name === undefined || name === '--help' || name === '-h') {
        process.stdout.write(usage);
        return name === undefined ? 2 : 0;
      }
      const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
      if (load === undefined) {
        const known = Object.keys(commands).map((each) => `${group} ${each}`);
        throw unknownCommand(`${group} ${name}`, known);
      }
      const command = await load();
      return command.run({ ...call, argv });
    },
  };
}
