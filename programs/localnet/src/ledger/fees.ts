import type { Address } from '@solana/kit';
import {
  computeBudgetProgram,
  ed25519Program,
  loaderV1,
  loaderV2,
  loaderV3,
  loaderV4,
  secp256k1Program,
  secp256r1Program,
  systemProgram,
  voteProgram,
} from './wellKnown.ts';
import type { WireInstruction, WireMessage } from './wireTransaction.ts';

const lamportsPerSignature = 5_000n;
const maxUnits = 1_400_000;

/** Builtin programs get 3,000 compute units an instruction unless a limit is set, others 200,000 (SIMD-0170). */
const builtinUnits = 3_000;
const otherUnits = 200_000;
const builtins: ReadonlySet<Address> = new Set([
  systemProgram,
  computeBudgetProgram,
  voteProgram,
  loaderV1,
  loaderV2,
  loaderV3,
  loaderV4,
  ed25519Program,
  secp256k1Program,
]);
const precompiles: ReadonlySet<Address> = new Set([ed25519Program, secp256k1Program, secp256r1Program]);

/** What a message costs in lamports: 5,000 a signature, precompiles' included, and the price of its compute-unit limit. */
export function feeOf(message: WireMessage): bigint {
  let signatures = BigInt(message.header.numRequiredSignatures);
  let limit: number | undefined;
  let price = 0n;
  let units = 0;
  for (const instruction of message.instructions) {
    const program = message.accountKeys[instruction.programIdIndex];
    if (program === undefined) continue;
    // Every precompile's data begins with its number of signatures.
    if (precompiles.has(program)) signatures += BigInt(instruction.data[0] ?? 0);
    if (program === computeBudgetProgram) {
      limit = unitLimit(instruction) ?? limit;
      price = unitPrice(instruction) ?? price;
    }
    units += builtins.has(program) ? builtinUnits : otherUnits;
  }
  const counted = BigInt(Math.min(limit ?? units, maxUnits));
  return signatures * lamportsPerSignature + (price * counted + 999_999n) / 1_000_000n;
}

/** `SetComputeUnitLimit`: a 2, then the limit as u32. */
function unitLimit({ data }: WireInstruction): number | undefined {
  return data[0] === 2 && data.length >= 5 ? view(data).getUint32(1, true) : undefined;
}

/** `SetComputeUnitPrice`: a 3, then micro-lamports a unit as u64. */
function unitPrice({ data }: WireInstruction): bigint | undefined {
  return data[0] === 3 && data.length >= 9 ? view(data).getBigUint64(1, true) : undefined;
}

function view(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}
