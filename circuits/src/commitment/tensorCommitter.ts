import { CircuitsError } from '../errors.ts';
import { kernelOf } from '../kernel/kernel.ts';

/** What is committed to. */
export interface TensorOpening {
  /** Signed integers of `bits` bits each, -2^(bits-1) to 2^(bits-1) - 1; at least one. */
  readonly values: Int32Array;
  /** 2 to 32. */
  readonly bits: number;
  /** An integer below BN254's scalar order that nobody can guess, little-endian, 32 bytes. */
  readonly blinding: Uint8Array;
}

/** Z-01 of docs/proofs.md: the commitment to a tensor, a field element, little-endian, 32 bytes. Throws `BAD_INPUT` for an opening that has none. */
export type CommitTensor = (opening: TensorOpening) => Uint8Array;

/** Z-01, and Z-03: the hash of a list of field elements of 32 bytes each. */
export type TensorCommitter = CommitTensor & { list(elements: readonly Uint8Array[]): Uint8Array };

const ELEMENT_BYTES = 32;
const FAULTS = [
  '',
  'A value has 2 to 32 bits.',
  'A value does not fit in its bits.',
  'A field element is below the field’s order.',
];

/** The commitment in WebAssembly, from the bytes of wasm/kernel.wasm. The first one takes longer: it computes the hash's constants. */
export async function tensorCommitter(kernel: BufferSource): Promise<TensorCommitter> {
  const exports = await kernelOf(await WebAssembly.compile(kernel));
  const blindingAt = exports.allocate(ELEMENT_BYTES);
  const outAt = exports.allocate(ELEMENT_BYTES);
  let room = 4096;
  let inputsAt = exports.allocate(4 * room);
  /** Memory for so many words. */
  const inputs = (words: number): number => {
    if (words > room) {
      room = 2 ** Math.ceil(Math.log2(words));
      inputsAt = exports.allocate(4 * room);
    }
    return inputsAt;
  };
  // The memory's buffer is another one whenever it grew.
  const put = (bytes: Uint8Array, at: number): void => new Uint8Array(exports.memory.buffer).set(bytes, at);
  const result = (): Uint8Array => new Uint8Array(exports.memory.buffer, outAt, ELEMENT_BYTES).slice();
  const check = (status: number, facts: Readonly<Record<string, number>>): void => {
    if (status !== 0) throw new CircuitsError('BAD_INPUT', FAULTS[status] ?? 'The kernel refuses its input.', facts);
  };

  const commit: CommitTensor = ({ values, bits, blinding }) => {
    if (values.length === 0 || blinding.length !== ELEMENT_BYTES)
      throw new CircuitsError('BAD_INPUT', 'A tensor has values, and a blinding 32 bytes.', {
        values: values.length,
        blindingBytes: blinding.length,
      });
    const at = inputs(values.length);
    put(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    put(blinding, blindingAt);
    check(exports.commit_tensor(at, values.length, bits, blindingAt, outAt), { bits });
    return result();
  };
  const list: TensorCommitter['list'] = (elements) => {
    if (elements.length === 0 || elements.some((element) => element.length !== ELEMENT_BYTES))
      throw new CircuitsError('BAD_INPUT', 'A list has elements of 32 bytes.', { elements: elements.length });
    const at = inputs(8 * elements.length);
    for (const [i, element] of elements.entries()) put(element, at + i * ELEMENT_BYTES);
    check(exports.hash_elements(at, elements.length, outAt), { elements: elements.length });
    return result();
  };
  return Object.assign(commit, { list });
}
