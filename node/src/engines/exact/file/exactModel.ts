import { KarmeshError } from '@karmesh/sdk/errors';
import {
  EXACT_HEADER_BYTES,
  type ExactHeader,
  type ExactLayout,
  type ExactSection,
  readExactHeader,
} from './exactFile.ts';

/** A converted model, wherever its bytes are: a file, a page's cache, memory. */
export interface ExactSource {
  readonly bytes: number;
  /** Fills `into` with the bytes from `offset` on. `into` may lie on memory that threads share. */
  read(offset: number, into: Uint8Array): Promise<void>;
}

/** A converted model whose header has been checked. */
export interface ExactModel extends ExactHeader {
  readonly layout: ExactLayout;
  readSection(section: ExactSection, into: Uint8Array): Promise<void>;
}

/** Reads the header of a converted model and no more. Throws `MODEL_INVALID`. */
export async function openExactModel(source: ExactSource): Promise<ExactModel> {
  const head = new Uint8Array(Math.min(EXACT_HEADER_BYTES, source.bytes));
  await source.read(0, head);
  const header = readExactHeader(head, source.bytes);
  return {
    ...header,
    async readSection({ offset, bytes }, into) {
      if (into.length !== bytes)
        throw new KarmeshError('BAD_ARGUMENT', 'A part of a model needs room of its own size.', { bytes });
      await source.read(offset, into);
    },
  };
}
