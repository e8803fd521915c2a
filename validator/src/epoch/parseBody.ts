import { KarmeshError } from '@karmesh/sdk/errors';
import { type Codec, decode } from '@karmesh/sdk/protocol';

/** What bytes of a peer hold, or undefined for bytes that are no such body. */
export function parseBody<T>(codec: Codec<T>, bytes: Uint8Array): T | undefined {
  try {
    return decode(codec, bytes);
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'CODEC') return undefined;
    throw error;
  }
}
