import { Ed25519Program, PublicKey, TransactionInstruction } from '@solana/web3.js';
import { concatBytes } from '../../protocol/bytes.ts';
import type { DoubleSign, LazyVerdict } from '../../protocol/evidence.ts';
import { FAULT } from '../accounts.ts';
import { type Address, addressFromBase58 } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** A transaction has room for this many bytes of a buffer beside two instructions. */
export const BUFFER_PIECE_BYTES = 800;

/** P-40. The owner signs and pays the rent; `size` is `bufferContent(…).length`. */
export function openBuffer(
  addresses: ProgramAddresses,
  options: { readonly owner: Address; readonly nonce: bigint; readonly size: number },
): TransactionInstruction {
  const { owner, nonce, size } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'openBuffer',
    args: { nonce, size },
    accounts: { owner, buffer: addresses.buffer(owner, nonce) },
  });
}

/** P-40. The owner signs. */
export function writeBuffer(
  addresses: ProgramAddresses,
  options: {
    readonly owner: Address;
    readonly nonce: bigint;
    readonly offset: number;
    readonly bytes: Uint8Array;
  },
): TransactionInstruction {
  const { owner, nonce, offset, bytes } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'writeBuffer',
    args: { offset, bytes },
    accounts: { owner, buffer: addresses.buffer(owner, nonce) },
  });
}

/** P-40: the pieces of a content, of which each fits a transaction. The last belongs into the one that shows the evidence (P-41). */
export function writeWholeBuffer(
  addresses: ProgramAddresses,
  options: { readonly owner: Address; readonly nonce: bigint; readonly content: Uint8Array },
): readonly TransactionInstruction[] {
  const { owner, nonce, content } = options;
  return Array.from({ length: Math.ceil(content.length / BUFFER_PIECE_BYTES) }, (_, i) => {
    const offset = i * BUFFER_PIECE_BYTES;
    return writeBuffer(addresses, {
      owner,
      nonce,
      offset,
      bytes: content.subarray(offset, offset + BUFFER_PIECE_BYTES),
    });
  });
}

/** P-40. The owner signs and gets the rent back. */
export function closeBuffer(
  addresses: ProgramAddresses,
  options: { readonly owner: Address; readonly nonce: bigint },
): TransactionInstruction {
  const { owner, nonce } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeBuffer',
    args: {},
    accounts: { owner, buffer: addresses.buffer(owner, nonce) },
  });
}

/** P-41. The finder signs and pays the rent. */
export function commitFinding(
  addresses: ProgramAddresses,
  options: { readonly finder: Address; readonly commitment: Uint8Array },
): TransactionInstruction {
  const { finder, commitment } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'commitFinding',
    args: { commitment },
    accounts: { finder, finding: addresses.finding(finder, commitment) },
  });
}

/** P-41. The finder signs and gets the rent back. */
export function closeFinding(
  addresses: ProgramAddresses,
  options: { readonly finder: Address; readonly commitment: Uint8Array },
): TransactionInstruction {
  const { finder, commitment } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeFinding',
    args: {},
    accounts: { finder, finding: addresses.finding(finder, commitment) },
  });
}

const ED25519_PROGRAM = new PublicKey('Ed25519SigVerify111111111111111111111111111');
const HERE = 0xffff;

/** P-44: has Solana's Ed25519 program check two signatures of one key over messages of 32 bytes. It stands right before `proveDoubleSign`. */
export function verifyTwoSignatures(signed: {
  readonly identity: Uint8Array;
  readonly messages: readonly [Uint8Array, Uint8Array];
  readonly signatures: readonly [Uint8Array, Uint8Array];
}): TransactionInstruction {
  const frame = 2 + 2 * 14;
  const key = frame + 2 * (64 + 32);
  const offsets = [0, 1].flatMap((i) => {
    const signature = frame + i * (64 + 32);
    return [signature, HERE, key, HERE, signature + 64, 32, HERE];
  });
  const data = concatBytes(
    new Uint8Array([2, 0]),
    ...offsets.map((value) => new Uint8Array([value & 0xff, value >> 8])),
    signed.signatures[0],
    signed.messages[0],
    signed.signatures[1],
    signed.messages[1],
    signed.identity,
  );
  return new TransactionInstruction({ programId: ED25519_PROGRAM, keys: [], data: Buffer.from(data) });
}

/** P-44. The finder signs. It stands right behind `verifyTwoSignatures`. */
export function proveDoubleSign(
  addresses: ProgramAddresses,
  options: {
    readonly finder: Address;
    readonly commitment: Uint8Array;
    readonly salt: Uint8Array;
    readonly shown: DoubleSign;
  },
): TransactionInstruction {
  const { finder, commitment, salt, shown } = options;
  const { kind, first, second, offender, offenceKey } = shown;
  return buildInstruction({
    programId: addresses.programId,
    name: 'proveDoubleSign',
    args: { salt, kind, first, second },
    accounts: {
      finder,
      config: addresses.config,
      offender,
      finding: addresses.finding(finder, commitment),
      case: addresses.offenceCase(offender, offenceKey),
    },
  });
}

/** P-52: the precompile that checks the verdict's signature, and what shows the verdict to be lazy, in this order and with nothing between them. The finder signs. */
export function proveLazyVerdict(
  addresses: ProgramAddresses,
  options: {
    readonly finder: Address;
    readonly commitment: Uint8Array;
    readonly salt: Uint8Array;
    readonly shown: LazyVerdict;
    /** The validator's identity in the verdict's epoch, and its signature. */
    readonly identity: Uint8Array;
    readonly signature: Uint8Array;
  },
): readonly [TransactionInstruction, TransactionInstruction] {
  const { finder, commitment, salt, shown, identity, signature } = options;
  const { verdict, receipt, secret, offender, offenceKey } = shown;
  return [
    Ed25519Program.createInstructionWithPublicKey({ publicKey: identity, message: shown.message, signature }),
    buildInstruction({
      programId: addresses.programId,
      name: 'proveLazyVerdict',
      args: { salt, verdict, receipt, secret },
      accounts: {
        finder,
        config: addresses.config,
        offender,
        finding: addresses.finding(finder, commitment),
        case: addresses.offenceCase(offender, offenceKey),
      },
    }),
  ];
}

/** What shows a report to be false: evidence in a buffer that the finder committed to. */
export interface FaultOptions {
  readonly finder: Address;
  readonly epoch: bigint;
  /** `reportHashOf` the report that the evidence begins with. */
  readonly reportHash: Uint8Array;
  readonly commitment: Uint8Array;
  readonly salt: Uint8Array;
  readonly buffer: Address;
}

function faultInstruction(
  addresses: ProgramAddresses,
  fault: FaultOptions & { readonly name: string; readonly kind: number; readonly prior?: Address },
): TransactionInstruction {
  const { name, kind, prior, finder, epoch, reportHash, commitment, salt, buffer } = fault;
  return buildInstruction({
    programId: addresses.programId,
    name,
    args: { epoch, salt },
    accounts: {
      finder,
      config: addresses.config,
      epochAccount: addresses.epoch(epoch),
      vault: addresses.vault,
      finding: addresses.finding(finder, commitment),
      buffer,
      fault: addresses.fault(reportHash, kind),
      ...(prior === undefined ? {} : { prior }),
    },
  });
}

/** P-45. The finder signs. */
export function proveFalseSum(addresses: ProgramAddresses, options: FaultOptions): TransactionInstruction {
  return faultInstruction(addresses, { ...options, name: 'proveFalseSum', kind: FAULT.sum });
}

/** P-46. The finder signs; `priorEpoch` is the final epoch that the report follows on, if there is one. */
export function proveFalseLifetime(
  addresses: ProgramAddresses,
  options: FaultOptions & { readonly priorEpoch?: bigint },
): TransactionInstruction {
  const { priorEpoch, ...fault } = options;
  const prior = priorEpoch === undefined ? addresses.config : addresses.epoch(priorEpoch);
  return faultInstruction(addresses, { ...fault, name: 'proveFalseLifetime', kind: FAULT.lifetime, prior });
}

/** P-46. The finder signs. */
export function proveFalseClaimsLeaf(addresses: ProgramAddresses, options: FaultOptions): TransactionInstruction {
  return faultInstruction(addresses, { ...options, name: 'proveFalseClaimsLeaf', kind: FAULT.claims });
}

/** P-47. Anyone may send it; `payer` signs and pays the case's rent. */
export function accuseVoter(
  addresses: ProgramAddresses,
  options: {
    readonly payer: Address;
    readonly epoch: bigint;
    /** Of the report that the vote is for. */
    readonly reportHash: Uint8Array;
    /** `FAULT`. */
    readonly fault: number;
    readonly validator: Address;
    /** `falseVoteKey` of the epoch. */
    readonly offenceKey: Uint8Array;
  },
): TransactionInstruction {
  const { payer, epoch, reportHash, fault, validator, offenceKey } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'accuseVoter',
    args: {},
    accounts: {
      payer,
      config: addresses.config,
      fault: addresses.fault(reportHash, fault),
      vote: addresses.vote(epoch, validator),
      validator,
      case: addresses.offenceCase(validator, offenceKey),
    },
  });
}

/** P-48. The finder signs. `manifestHash` is that of the epoch. */
export function proveBadSignature(
  addresses: ProgramAddresses,
  options: Omit<FaultOptions, 'reportHash'> & { readonly manifestHash: Uint8Array },
): TransactionInstruction {
  const { manifestHash, ...fault } = options;
  const of = { reportHash: manifestHash, kind: FAULT.signature };
  return faultInstruction(addresses, { ...fault, ...of, name: 'proveBadSignature' });
}

/** P-48. Anyone may send it; `payer` signs and pays the case's rent. */
export function accuseAttester(
  addresses: ProgramAddresses,
  options: {
    readonly payer: Address;
    readonly epoch: bigint;
    readonly manifestHash: Uint8Array;
    readonly validator: Address;
    /** `falseAttestationKey` of the epoch. */
    readonly offenceKey: Uint8Array;
  },
): TransactionInstruction {
  const { manifestHash, ...accused } = options;
  return accuseVoter(addresses, { ...accused, reportHash: manifestHash, fault: FAULT.signature });
}

/** What is sent here is burned. */
export const INCINERATOR = addressFromBase58('1nc1nerator11111111111111111111111111111111');

/** P-43. Anyone may send it. `harmed` is the case's escrow, if it names one. */
export function executeCase(
  addresses: ProgramAddresses,
  options: {
    readonly offender: Address;
    readonly offenceKey: Uint8Array;
    readonly finder: Address;
    readonly harmed?: Address;
  },
): TransactionInstruction {
  const { offender, offenceKey, finder, harmed = INCINERATOR } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'executeCase',
    args: {},
    accounts: {
      config: addresses.config,
      offender,
      case: addresses.offenceCase(offender, offenceKey),
      finder,
      harmed,
    },
  });
}
