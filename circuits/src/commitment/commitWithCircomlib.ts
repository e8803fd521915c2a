import { buildPoseidon } from 'circomlibjs';
import { elementBytes, elementOf } from './elements.ts';
import type { CommitTensor } from './tensorCommitter.ts';

const PACK_BITS = 248;
const ABSORBED = 11;
const TENSOR_TAG = 1n;

/** Z-01 with circomlibjs' Poseidon and big integers: a second implementation, some six times slower, beside which the kernel is tested and measured. */
export async function commitWithCircomlib(): Promise<CommitTensor> {
  const poseidon = await buildPoseidon();
  return ({ values, bits, blinding }) => {
    const offset = 1n << BigInt(bits - 1);
    const perPack = Math.floor(PACK_BITS / bits);
    const elements: bigint[] = [];
    for (let start = 0; start < values.length; start += perPack)
      elements.push(
        values
          .subarray(start, start + perPack)
          .reduceRight<bigint>((pack, value) => (pack << BigInt(bits)) + BigInt(value) + offset, 0n),
      );
    elements.push(elementOf(blinding));
    let state = (TENSOR_TAG << 128n) + (BigInt(values.length) << 64n) + BigInt(bits);
    for (let start = 0; start < elements.length; start += ABSORBED) {
      const absorbed = Array.from({ length: ABSORBED }, (_, i) => elements[start + i] ?? 0n);
      state = poseidon.F.toObject(poseidon([state, ...absorbed]));
    }
    return elementBytes(state);
  };
}
