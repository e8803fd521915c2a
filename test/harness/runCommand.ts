import { KarmeshError } from '@karmesh/sdk/errors';
import type { Command } from '@karmesh/sdk/runtime';

/** What a command that was called with --json came to. */
export type Came =
  | { readonly ok: true; readonly data: Readonly<Record<string, unknown>> }
  | {
      readonly ok: false;
      readonly code: string;
      readonly sentence: string;
      readonly facts: Readonly<Record<string, unknown>>;
    };

/** Runs a command in this process and gives what it printed, or what it was refused with. Throws what is no error of ours. */
export async function runCommand(command: Command, args: readonly string[], signal: AbortSignal): Promise<Came> {
  const printed: string[] = [];
  const { write } = process.stdout;
  process.stdout.write = (text: string | Uint8Array): boolean => {
    printed.push(String(text));
    return true;
  };
  try {
    await command.run({ argv: [...args, '--json'], env: {}, signal });
  } catch (error) {
    if (!(error instanceof KarmeshError)) throw error;
    const { code, message, facts } = error;
    return { ok: false, code, sentence: message, facts };
  } finally {
    process.stdout.write = write;
  }
  return { ok: true, data: JSON.parse(printed.join('')) };
}
