import { type ErrorFacts, KarmeshError } from '@karmesh/sdk/errors';
import { concatBytes, encode, equalBytes, type ModelId, toHex, u32 } from '@karmesh/sdk/protocol';

/** residuals of consecutive positions of one sequence, on their way from one stage to the next. */
export interface StageFrame {
  readonly modelId: ModelId;
  /** The layer that comes next. */
  readonly layer: number;
  /** The first position. */
  readonly position: number;
  /** How many positions. */
  readonly count: number;
  /** D */
  readonly width: number;
  /** i32, position by position. */
  readonly residuals: Int32Array;
}

/** What a stage takes and nothing else. */
export interface ExpectedFrame {
  readonly modelId: ModelId;
  readonly layer: number;
  readonly position: number;
  readonly width: number;
  /** How many positions, at most. */
  readonly most: number;
}

const MAGIC = new TextEncoder().encode('KSTAGE\0\0');
const MODEL_ID_BYTES = 32;
const LEAST = -(2 ** 31);
const HEADER_BYTES = MAGIC.length + MODEL_ID_BYTES + 16;

/** Bytes of a frame of so many positions. */
export function stageFrameBytes({ count, width }: Pick<StageFrame, 'count' | 'width'>): number {
  return HEADER_BYTES + 4 * count * width;
}

/** the bytes of a frame. Throws `BAD_ARGUMENT` unless there are `count` times `width` residuals. */
export function encodeStageFrame(frame: StageFrame): Uint8Array {
  const { modelId, layer, position, count, width, residuals } = frame;
  if (residuals.length !== count * width)
    throw new KarmeshError('BAD_ARGUMENT', 'A frame has one residual of full width for each position.', {
      count,
      width,
      values: residuals.length,
    });
  const bytes = new Uint8Array(stageFrameBytes(frame));
  bytes.set(concatBytes(MAGIC, modelId, ...[layer, position, count, width].map((field) => encode(u32, field))));
  const view = new DataView(bytes.buffer, HEADER_BYTES);
  for (let i = 0; i < residuals.length; i++) view.setInt32(4 * i, residuals[i] ?? 0, true);
  return bytes;
}

/**
 * reads a frame that must be the one that is expected next. Throws `CODEC` for bytes that are no frame, `PROTOCOL_VIOLATION` for a frame of another model, layer,
 * position or width, or of too many positions. Nothing is allocated before all of that is known.
 */
export function decodeStageFrame(bytes: Uint8Array, expected: ExpectedFrame): StageFrame {
  if (bytes.length < HEADER_BYTES || !equalBytes(bytes.subarray(0, MAGIC.length), MAGIC))
    throw new KarmeshError('CODEC', 'A message between stages does not begin as one.', { bytes: bytes.length });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const field = (index: number): number => view.getUint32(MAGIC.length + MODEL_ID_BYTES + 4 * index, true);
  const modelId: ModelId = bytes.slice(MAGIC.length, MAGIC.length + MODEL_ID_BYTES);
  const [layer, position, count, width] = [field(0), field(1), field(2), field(3)];
  if (!equalBytes(modelId, expected.modelId))
    throw refused('A stage was given the activations of another model.', {
      model: toHex(modelId),
      expected: toHex(expected.modelId),
    });
  if (width !== expected.width)
    throw refused('A stage was given activations of another width.', { width, expected: expected.width });
  if (layer !== expected.layer)
    throw refused('A stage was given the input of another layer.', { layer, expected: expected.layer });
  if (position !== expected.position)
    throw refused('A stage was given positions out of order.', { position, expected: expected.position });
  if (count < 1 || count > expected.most)
    throw refused('A stage was given no position or more than it takes.', { count, most: expected.most });
  if (bytes.length !== stageFrameBytes({ count, width }))
    throw new KarmeshError('CODEC', 'A message between stages has another length than its fields make it.', {
      bytes: bytes.length,
      expected: stageFrameBytes({ count, width }),
    });
  const residuals = new Int32Array(count * width);
  for (let i = 0; i < residuals.length; i++) residuals[i] = view.getInt32(HEADER_BYTES + 4 * i, true);
  // The one integer of 32 bits that sat_32 never gives.
  if (residuals.includes(LEAST))
    throw refused('A stage was given an activation that no stage gives.', { value: LEAST });
  return { modelId, layer, position, count, width, residuals };
}

function refused(sentence: string, facts: ErrorFacts): KarmeshError {
  return new KarmeshError('PROTOCOL_VIOLATION', sentence, { rule: 'X-60', ...facts });
}
