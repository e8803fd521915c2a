import type { PinnedPowers } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { fromHex } from '@karmesh/sdk/protocol';
import type { PinnedPowersConfig } from './config.ts';

/** The powers of tau that settings name. Throws `CONFIG_INVALID` if they or their hash are missing. */
export function pinnedPowersOf({ powers, powersHash }: PinnedPowersConfig): PinnedPowers {
  if (powers === undefined || powersHash === undefined)
    throw new KarmeshError('CONFIG_INVALID', 'A key begins with powers of tau.', {
      '--powers': powers ?? 'is required',
      '--powers-hash': powersHash ?? 'is required',
    });
  return { path: powers, hash: fromHex(powersHash) };
}
