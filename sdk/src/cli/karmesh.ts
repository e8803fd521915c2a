#!/usr/bin/env node
import { KarmeshError } from '../errors.ts';
import { nearestName } from '../nearestName.ts';
import { output } from '../runtime/index.ts';
import { airdropCommand } from './airdropCommand.ts';
import { askCommand } from './askCommand.ts';
import { deployCommand } from './deployCommand.ts';
import { findProgram, runProgram } from './externalProgram.ts';
import { karmaShowCommand } from './karmaShowCommand.ts';
import { keygenCommand } from './keygenCommand.ts';
import type { ListedCommand } from './listedCommand.ts';
import { receiptFetchCommand } from './receiptFetchCommand.ts';
import { receiptVerifyCommand } from './receiptVerifyCommand.ts';
import { ticketVerifyCommand } from './ticketVerifyCommand.ts';

/** What this program does itself; everything else is a program of its own beside it, as git has it. */
const commands: Readonly<Record<string, ListedCommand>> = {
  ask: askCommand,
  'receipt fetch': receiptFetchCommand,
  'receipt verify': receiptVerifyCommand,
  'ticket verify': ticketVerifyCommand,
  'karma show': karmaShowCommand,
  keygen: keygenCommand,
  airdrop: airdropCommand,
  deploy: deployCommand,
};

const external: Readonly<Record<string, string>> = {
  up: 'run a whole market on this machine',
  worker: 'run a worker (karmesh worker start)',
  access: 'which gateways a worker works for (karmesh access list, grant, revoke)',
  model: 'what a model file is, and its form for exact arithmetic (karmesh model inspect, convert, bench)',
  ceremony: 'make the key of a layer’s proofs with others (karmesh ceremony powers, begin, contribute, beacon, verify)',
  validator: 'run a validator (karmesh validator init, doctor, start, status), stake behind one (stake, rewards), vote',
  gateway: 'run a gateway',
  localnet: 'run a local Solana cluster',
};

function help(): string {
  const rows = [
    ...Object.entries(commands).map(([name, { title }]) => [name, title] as const),
    ...Object.entries(external),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, summary]) => `  karmesh ${name.padEnd(width)}  ${summary}`);
  return ['Usage: karmesh COMMAND [--json] [--help]', '', ...lines, '', 'Each command has its own --help.'].join('\n');
}

/** A word alone may be meant for a program or for the first word of a command, two words for a command. */
function unknown(first: string, second: string | undefined): KarmeshError {
  const own = Object.keys(commands);
  const group = own.filter((name) => name.startsWith(`${first} `));
  const typed = second === undefined || second.startsWith('-') ? first : `${first} ${second}`;
  const words = [...own.filter((name) => !name.includes(' ')), ...Object.keys(external)];
  return new KarmeshError('CONFIG_INVALID', `There is no command "${typed}".`, {
    didYouMean: nearestName(typed, own) ?? (group.length > 0 ? undefined : nearestName(first, words)),
    known: (group.length > 0 ? group : [...own, ...Object.keys(external)]).join(', '),
  });
}

async function main(argv: readonly string[]): Promise<number> {
  const talk = output({ json: argv.includes('--json'), color: process.env.NO_COLOR === undefined })();
  const [first, second] = argv;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    process.stdout.write(`${help()}\n`);
    return first === undefined ? 2 : 0;
  }
  const abort = new AbortController();
  try {
    for (const [name, command] of Object.entries(commands)) {
      const words = name.split(' ');
      if (!words.every((word, i) => argv[i] === word)) continue;
      process.once('SIGINT', () => abort.abort(new KarmeshError('ABORTED', 'Cancelled.')));
      return await command.run({ argv: argv.slice(words.length), env: process.env, signal: abort.signal });
    }
    // Access, models and ceremonies are a worker's, and asked for so often that they have words of their own.
    if (first === 'access' || first === 'model' || first === 'ceremony')
      return await runProgram(findProgram('worker'), argv);
    if (Object.hasOwn(external, first)) return await runProgram(findProgram(first), argv.slice(1));
    const members = Object.entries(commands).filter(([name]) => name.startsWith(`${first} `));
    if (members.length > 0 && (second === undefined || second === '--help' || second === '-h')) {
      process.stdout.write(`${members.map(([name, { title }]) => `karmesh ${name}  ${title}`).join('\n')}\n`);
      return second === undefined ? 2 : 0;
    }
    throw unknown(first, second);
  } catch (error) {
    return talk.fail(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
