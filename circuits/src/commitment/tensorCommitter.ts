import { CircuitsError } from '../errors.ts';

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

/** What native/src/exports.rs gives. */
interface KernelExports {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number): number;
  commit_tensor(values: number, count: number, bits: number, blinding: number, out: number): number;
}

const ELEMENT_BYTES = 32;
const FAULTS = [
  '',
  'A value has 2 to 32 bits.',
  'A value does not fit in its bits.',
  'A blinding is below the field’s order.',
];

/** The commitment in WebAssembly, from the bytes of wasm/kernel.wasm. The first one takes longer: it computes the hash's constants. */
export async function tensorCommitter(kernel: BufferSource): Promise<CommitTensor> {
  const { instance } = await WebAssembly.instantiate(kernel, {});
  const exports = instance.exports as unknown as KernelExports;
  const blindingAt = exports.allocate(ELEMENT_BYTES);
  const outAt = exports.allocate(ELEMENT_BYTES);
  let room = 4096;
  let valuesAt = exports.allocate(4 * room);
  return ({ values, bits, blinding }) => {
    if (values.length === 0 || blinding.length !== ELEMENT_BYTES)
      throw new CircuitsError('BAD_INPUT', 'A tensor has values, and a blinding 32 bytes.', {
        values: values.length,
        blindingBytes: blinding.length,
      });
    if (values.length > room) {
      room = 2 ** Math.ceil(Math.log2(values.length));
      valuesAt = exports.allocate(4 * room);
    }
    // The memory's buffer is another one whenever it grew.
    new Int32Array(exports.memory.buffer, valuesAt, values.length).set(values);
    const bytes = new Uint8Array(exports.memory.buffer);
    bytes.set(blinding, blindingAt);
    const status = exports.commit_tensor(valuesAt, values.length, bits, blindingAt, outAt);
    const fault = FAULTS[status];
    if (status !== 0) throw new CircuitsError('BAD_INPUT', fault ?? 'The kernel refuses the tensor.', { bits });
    return new Uint8Array(exports.memory.buffer, outAt, ELEMENT_BYTES).slice();
  };
}
