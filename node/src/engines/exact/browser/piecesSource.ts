import type { ExactLayout, ExactMatrix, ExactSection } from '../file/exactFile.ts';
import { EXACT_HEADER_BYTES, readExactHeader } from '../file/exactFile.ts';
import type { ExactSource } from '../file/exactModel.ts';
import { cutLayers, type OpenStagesOptions } from '../stages/openStages.ts';
import type { ModelPieces } from './receiveModel.ts';

/** A converted model in memory that gives its memory back while it is read. */
export interface PiecesSource extends ExactSource {
  /** Bytes that it still holds. */
  heldBytes(): number;
}

/**
 * A source for one call of `openStages` with these options: a piece is let go once all that will be read of it has been, so that what is left of the file and what
 * has been copied into stages take together no more than the file and the few pieces that are partly read. (A tied head that is the embedding of another stage is held
 * until both have it.) The caller keeps no piece. Throws `MODEL_INVALID`.
 */
export function piecesSource(
  pieces: ModelPieces,
  options: Pick<OpenStagesOptions, 'contextSize' | 'sequences' | 'part' | 'cuts'>,
): PiecesSource {
  const pieceBytes = pieces[0]?.length ?? 0;
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const { layout, variant } = readExactHeader(pieces[0]?.subarray(0, EXACT_HEADER_BYTES) ?? new Uint8Array(0), bytes);
  const held: (Uint8Array<ArrayBuffer> | undefined)[] = [...pieces];
  const unread = new Array<number>(pieces.length).fill(0);
  for (const { section, reads } of plannedReads(layout, cutLayers({ layout, variant }, options).length))
    for (const { piece, from, to } of within(section, pieceBytes))
      unread[piece] = (unread[piece] ?? 0) + reads * (to - from);
  return {
    bytes,
    heldBytes: () => held.reduce((sum, piece) => sum + (piece?.length ?? 0), 0),
    async read(offset, into) {
      for (const { piece, from, to } of within({ offset, bytes: into.length }, pieceBytes)) {
        const found = held[piece];
        if (found === undefined) throw new RangeError('A part of the model was read that had been let go.');
        const start = piece * pieceBytes;
        into.set(found.subarray(from - start, to - start), from - offset);
        const left = (unread[piece] ?? 0) - (to - from);
        unread[piece] = left;
        if (left > 0) continue;
        held[piece] = undefined;
        // Takes the memory away at once; the collector of garbage need not notice.
        found.buffer.transfer(0);
      }
    },
  };
}

/** What `openStages` reads, and how often: the frequencies go into every stage, a tied head is the embedding of another one. */
function plannedReads(
  layout: ExactLayout,
  stages: number,
): readonly { readonly section: ExactSection; readonly reads: number }[] {
  const { shape, frequencies, embeddingScales, embedding, layers, finalFormat, finalNorm, head } = layout;
  const once: readonly (ExactSection | undefined)[] = [
    { offset: 0, bytes: EXACT_HEADER_BYTES },
    embeddingScales,
    embedding,
    ...layers.flatMap((layer) => [
      layer.formats,
      layer.attentionNorm,
      ...[layer.query, layer.key, layer.value, layer.output].flatMap(sectionsOf),
      layer.biases?.query,
      layer.biases?.key,
      layer.biases?.value,
      layer.hiddenNorm,
      ...[layer.gate, layer.up, layer.down].flatMap(sectionsOf),
    ]),
    finalFormat,
    finalNorm,
    head.shifts,
    head.multipliers,
    shape.tied && stages === 1 ? undefined : head.weights,
  ];
  const planned = once.flatMap((section) => (section === undefined ? [] : [{ section, reads: 1 }]));
  return [{ section: frequencies, reads: stages }, ...planned];
}

function sectionsOf({ shifts, multipliers, weights }: ExactMatrix): readonly ExactSection[] {
  return [shifts, multipliers, weights];
}

/** The pieces that a section lies in, and from where to where in the file. */
function within(
  { offset, bytes }: ExactSection,
  pieceBytes: number,
): readonly { readonly piece: number; readonly from: number; readonly to: number }[] {
  const end = offset + bytes;
  const first = Math.floor(offset / pieceBytes);
  const count = Math.max(0, Math.ceil(end / pieceBytes) - first);
  return Array.from({ length: count }, (_, i) => {
    const start = (first + i) * pieceBytes;
    return { piece: first + i, from: Math.max(offset, start), to: Math.min(end, start + pieceBytes) };
  });
}
