import { KarmeshError } from '../errors.ts';

/** RFC 4648, section 4, with padding. For short values: signatures and hashes. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** The bytes of a base64 string in its one canonical form. Throws `CODEC` for any other. */
export function fromBase64(text: string): Uint8Array {
  // `atob` passes over white space, missing padding and bits that padding hides.
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    if (toBase64(bytes) === text) return bytes;
  }
  throw new KarmeshError('CODEC', 'A text is not base64 in its canonical form.', { length: text.length });
}
