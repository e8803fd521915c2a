import { CircuitsError } from '../errors.ts';

/** Where a section's content stands. */
export interface Section {
  readonly start: number;
  readonly length: number;
}

/** The frame that iden3's files share. */
export interface SectionedFile {
  readonly view: DataView;
  readonly sections: ReadonlyMap<number, Section>;
  /** Throws `FILE_INVALID`. */
  fail(fault: string): never;
}

const HEAD_BYTES = 12;

/** Reads the frame of a file of `kind`, such as `r1cs`; `bytes` are all of it. Throws `FILE_INVALID`. */
export function readSections(
  bytes: Uint8Array,
  { kind, version }: { readonly kind: string; readonly version: number },
): SectionedFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fail = (fault: string): never => {
    throw new CircuitsError('FILE_INVALID', `This is not a .${kind} file.`, { fault });
  };
  if (bytes.length < HEAD_BYTES || String.fromCharCode(...bytes.subarray(0, 4)) !== kind)
    fail('it begins with other bytes');
  if (view.getUint32(4, true) !== version) fail('another version');
  const sections = new Map<number, Section>();
  let at = HEAD_BYTES;
  for (let i = 0; i < view.getUint32(8, true); i++) {
    if (at + HEAD_BYTES > bytes.length) fail('it ends within a section’s head');
    const length = view.getBigUint64(at + 4, true);
    if (length > BigInt(bytes.length - at - HEAD_BYTES)) fail('a section is longer than the file');
    const id = view.getUint32(at, true);
    if (sections.has(id)) fail('a section stands twice');
    sections.set(id, { start: at + HEAD_BYTES, length: Number(length) });
    at += HEAD_BYTES + Number(length);
  }
  return { view, sections, fail };
}
