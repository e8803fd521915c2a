import { spawn } from 'node:child_process';
import { mkdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type KillRoundsResult = {
  readonly kills: number;
  readonly acknowledged: bigint;
  /** Acknowledged rows that a later opening did not find. */
  readonly lost: bigint;
  /** What a writer said that did not open the database. */
  readonly failedOpens: readonly string[];
};

const writer = fileURLToPath(new URL('./killWriter.ts', import.meta.url));

type Round = {
  readonly opened: { readonly last: bigint; readonly rows: bigint } | undefined;
  readonly acknowledged: bigint;
  readonly stderr: string;
};

/** When a writer dies by SIGKILL: after so many changes in its data folder, or after so many acknowledged rows; it keeps on writing meanwhile. */
type KillAt = { readonly changes: number } | { readonly acknowledgements: number };

async function killRound(dataFolder: string, at: KillAt): Promise<Round> {
  mkdirSync(join(dataFolder, 'pglite'), { recursive: true });
  const child = spawn(execPath, ['--disable-warning=ExperimentalWarning', writer, dataFolder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let changes = 0;
  const watcher = 'changes' in at ? watch(dataFolder, { recursive: true }) : undefined;
  watcher?.on('change', () => {
    changes += 1;
    if ('changes' in at && changes === at.changes) child.kill('SIGKILL');
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  let opened: Round['opened'];
  let acknowledged = 0n;
  let count = 0;
  for await (const line of createInterface(child.stdout)) {
    const match = /^opened (\d+) (\d+)$/.exec(line);
    if (match !== null) {
      opened = { last: BigInt(match[1] ?? 0), rows: BigInt(match[2] ?? 0) };
    } else if (line !== '') {
      acknowledged = BigInt(line);
      count += 1;
    }
    if ('acknowledgements' in at ? count >= at.acknowledgements : opened !== undefined && count >= 50)
      child.kill('SIGKILL');
  }
  await closed;
  watcher?.close();
  return { opened, acknowledged, stderr };
}

/**
 * Kills a writer with SIGKILL `kills` times in one data folder and reopens it after each: first `initialisationKills` times while
 * the folder is being made (a fresh folder each time, then reopened), then in mid-write. Every opening must find every row that
 * was acknowledged before.
 */
export async function killRounds(options: {
  readonly folder: string;
  readonly initialisationKills: number;
  readonly writeKills: number;
}): Promise<KillRoundsResult> {
  const failedOpens: string[] = [];
  let lost = 0n;
  let acknowledged = 0n;
  const check = (round: Round, expected: bigint): void => {
    if (round.opened === undefined) failedOpens.push(round.stderr);
    else if (round.opened.rows !== round.opened.last || round.opened.last < expected)
      lost += expected - round.opened.rows;
  };
  for (let i = 0; i < options.initialisationKills; i++) {
    const folder = join(options.folder, `initialisation-${i}`);
    // An initialisation makes about 1,000 files and several changes to each; the kills are spread over it.
    const first = await killRound(folder, { changes: 2 + Math.floor((i * 4000) / options.initialisationKills) });
    check(await killRound(folder, { acknowledgements: 3 }), first.acknowledged);
  }
  const folder = join(options.folder, 'writes');
  for (let i = 0; i < options.writeKills; i++) {
    const round = await killRound(folder, { acknowledgements: 1 + ((i * 37) % 101) });
    check(round, acknowledged);
    if (round.acknowledged > acknowledged) acknowledged = round.acknowledged;
  }
  check(await killRound(folder, { acknowledgements: 1 }), acknowledged);
  return { kills: options.initialisationKills + options.writeKills, acknowledged, lost, failedOpens };
}
