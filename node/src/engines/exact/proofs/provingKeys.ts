import { CircuitsError, type KeyFile, readKeyFiles } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { equalBytes, operatorTitle } from '@karmesh/sdk/protocol';
import { errnoOf } from '@karmesh/sdk/runtime';
import type { ModelKeys } from '../../../models/modelKeys.ts';

/** What a model's tokens are proven with: INSECURE DEVELOPMENT KEYS, made where they are missing, or the keys of a ceremony, which only its contributors could make. */
export type ProvingKeys =
  | { readonly kind: 'development'; readonly seed: Uint8Array }
  /** `zkeys` has the file of every operator (Z-40). */
  | { readonly kind: 'ceremony'; readonly zkeys: readonly string[] };

/**
 * Z-37: finds the .zkey file of each operator in a folder by the verifying key that the model's keys file has of it. Throws `CONFIG_INVALID` if one is missing, is labelled a development key, or if a
 * file of the folder is no key.
 */
export async function findProvingKeys(
  folder: string,
  { keys, facts }: Pick<ModelKeys, 'keys' | 'facts'>,
): Promise<ProvingKeys> {
  const files = await readFolder(folder);
  const missing: number[] = [];
  const zkeys = keys.map(({ verifyingKey }, operator) => {
    const file = files.find((each) => !each.insecure && equalBytes(each.verifyingKey, verifyingKey));
    if (file === undefined) missing.push(operator);
    return file?.path ?? '';
  });
  if (missing.length > 0)
    throw new KarmeshError('CONFIG_INVALID', 'The folder lacks keys that the model’s keys file names.', {
      '--proving-keys': folder,
      missing: missing.map((operator) => `${operator} (${operatorTitle(operator, facts.layers)})`).join(', '),
      insecure: named(files.filter(({ insecure }) => insecure)),
      others: named(files.filter(({ path, insecure }) => !insecure && !zkeys.includes(path))),
    });
  return { kind: 'ceremony', zkeys };
}

async function readFolder(folder: string): Promise<readonly KeyFile[]> {
  try {
    return await readKeyFiles(folder);
  } catch (cause) {
    const facts = { '--proving-keys': folder };
    if (cause instanceof CircuitsError)
      throw new KarmeshError('CONFIG_INVALID', 'A file of the folder is no key.', { ...facts, ...cause.facts }, cause);
    if (errnoOf(cause) === 'ENOENT')
      throw new KarmeshError('CONFIG_INVALID', 'The folder with the keys is not there.', facts, cause);
    throw cause;
  }
}

function named(files: readonly KeyFile[]): string | undefined {
  return files.length === 0 ? undefined : files.map(({ path }) => path).join(', ');
}
