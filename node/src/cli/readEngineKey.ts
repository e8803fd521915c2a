import { open } from 'node:fs/promises';
import { KarmeshError } from '@karmesh/sdk/errors';

const MAX_KEY_BYTES = 4096;

/** The API key of an engine's server: the one line of a file that nobody else can read. Throws `CONFIG_INVALID`, with the path and never the key. */
export async function readEngineKey(path: string): Promise<string> {
  const refuse = (sentence: string, cause?: unknown): KarmeshError =>
    new KarmeshError('CONFIG_INVALID', sentence, { path }, cause);
  let text: string;
  try {
    await using file = await open(path, 'r');
    const { mode, size } = await file.stat();
    if ((mode & 0o077) !== 0 && process.platform !== 'win32')
      throw refuse('Other users of this machine can read the engine’s key; `chmod 600` its file.');
    if (size > MAX_KEY_BYTES) throw refuse('The file of the engine’s key is too large to hold a key.');
    text = await file.readFile('utf8');
  } catch (cause) {
    if (cause instanceof KarmeshError) throw cause;
    throw refuse('The file of the engine’s key cannot be read.', cause);
  }
  const key = text.trim();
  if (!/^[\x21-\x7e]+$/.test(key)) throw refuse('The file of the engine’s key does not hold one line with a key.');
  return key;
}
