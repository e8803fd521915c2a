import { stat } from 'node:fs/promises';
import { KarmeshError } from '@karmesh/sdk/errors';

/**
 * Checks before a model is loaded that its file alone is within the worker's memory. Throws `CONFIG_INVALID`; a file that cannot be
 * read is left to the engine, which says so better.
 */
export async function checkFileFits(
  modelPath: string,
  { maxMemoryBytes }: { readonly maxMemoryBytes: number | undefined },
): Promise<void> {
  const fileBytes = await stat(modelPath).then(
    ({ size }) => size,
    () => 0,
  );
  if (maxMemoryBytes === undefined || fileBytes <= maxMemoryBytes) return;
  throw tooLarge({ fileBytes, maxMemoryBytes });
}

/** Checks that a loaded model, with all that it needs to run, has left the worker within its memory. Throws `CONFIG_INVALID`. */
export function checkLoadedFits(
  residentBytes: number,
  { maxMemoryBytes }: { readonly maxMemoryBytes: number | undefined },
): void {
  if (maxMemoryBytes !== undefined && residentBytes > maxMemoryBytes) throw tooLarge({ residentBytes, maxMemoryBytes });
}

function tooLarge(facts: Readonly<Record<string, number>>): KarmeshError {
  return new KarmeshError(
    'CONFIG_INVALID',
    'The model does not fit the memory that the worker may use; give it more, or take a smaller model or context.',
    facts,
  );
}
