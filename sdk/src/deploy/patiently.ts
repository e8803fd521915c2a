import { KarmeshError } from '../errors.ts';
import { pause } from '../program/rpc.ts';

const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;

/** Whether asking again may help: the node is away, or asks for patience (429). */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof KarmeshError)) return false;
  if (error.code === 'RPC_UNREACHABLE') return true;
  return error.code === 'RPC_FAILED' && /\b429\b|[Tt]oo many requests/.test(String(error.facts.message));
}

/** Asks a node that may be busy, with longer and longer pauses. Throws its last error, or `ABORTED`. */
export async function patiently<T>({ signal }: { readonly signal: AbortSignal }, ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt === ATTEMPTS || !isTransient(error)) throw error;
      await pause(Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS), signal);
    }
  }
}
