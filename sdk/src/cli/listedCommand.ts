import type { Command } from '../runtime/index.ts';

/** One command of `karmesh`. */
export interface ListedCommand extends Command {
  /** What the list of commands says. */
  readonly title: string;
}
