import { recoverAddress, Signature, type TypedDataDomain, TypedDataEncoder } from 'ethers';
import { KarmeshError } from '../errors.ts';
import type { Hash } from '../protocol/hash.ts';
import type { Domain } from '../protocol/header.ts';
import type { ModelId } from '../protocol/ids.ts';
import type { Secp256k1Signature } from '../runtime/secp256k1Key.ts';
import { bytesOfHex, type EvmAddress, hex, parseEvmAddress } from './evmAddress.ts';
import type { EvmValidatorSet } from './validatorSet.ts';

/** Which contract on which chain, for which Karmesh cluster: a statement counts there and nowhere else. */
export interface ProofsContract {
  readonly chainId: bigint;
  readonly address: EvmAddress;
  readonly domain: Domain;
}

/** Z-52: a set of receipts, and who signs after it. */
export interface EpochStatement {
  readonly kind: 'epoch';
  readonly epoch: bigint;
  readonly receiptSetRoot: Hash;
  readonly entryCount: number;
  /** The set of epoch + 1. */
  readonly next: EvmValidatorSet;
}

/** Z-53: the keys of a model’s operators. */
export interface KeysStatement {
  readonly kind: 'keys';
  readonly modelId: ModelId;
  readonly keysRoot: Hash;
  readonly keyCount: number;
}

export type EvmStatement = EpochStatement | KeysStatement;

const TYPES = {
  epoch: {
    Epoch: [
      { name: 'epoch', type: 'uint64' },
      { name: 'receiptSetRoot', type: 'bytes32' },
      { name: 'entryCount', type: 'uint32' },
      { name: 'next', type: 'ValidatorSet' },
    ],
    ValidatorSet: [
      { name: 'totalStake', type: 'uint64' },
      { name: 'validators', type: 'Validator[]' },
    ],
    Validator: [
      { name: 'signer', type: 'address' },
      { name: 'stake', type: 'uint64' },
    ],
  },
  keys: {
    Keys: [
      { name: 'modelId', type: 'bytes32' },
      { name: 'keysRoot', type: 'bytes32' },
      { name: 'keyCount', type: 'uint32' },
    ],
  },
};

/** Z-51: the 32 bytes that a validator signs, by EIP-712. */
export function statementDigest(contract: ProofsContract, statement: EvmStatement): Uint8Array {
  const domain: TypedDataDomain = {
    name: 'Karmesh',
    version: '1',
    chainId: contract.chainId,
    verifyingContract: contract.address,
    salt: hex(contract.domain),
  };
  const { kind, ...fields } = statement;
  const value = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, field instanceof Uint8Array ? hex(field) : field]),
  );
  return bytesOfHex(TypedDataEncoder.hash(domain, TYPES[kind], value));
}

const SIGNATURE_BYTES = 65;

/** r, s and v one behind the other, 65 bytes, as EVM tools show signatures. */
export function signatureBytes({ r, s, recoveryId }: Secp256k1Signature): Uint8Array {
  return Uint8Array.of(...r, ...s, 27 + recoveryId);
}

/** Whose signature of a statement these 65 bytes are, or undefined if they are none, or the one of two with s in the upper half. */
export function statementSigner(
  contract: ProofsContract,
  statement: EvmStatement,
  signature: Uint8Array,
): EvmAddress | undefined {
  // ethers also takes shorter signatures and another v, which the contract does not.
  if (signature.length !== SIGNATURE_BYTES || (signature[64] !== 27 && signature[64] !== 28)) return undefined;
  try {
    const read = Signature.from(hex(signature));
    return parseEvmAddress(recoverAddress(statementDigest(contract, statement), read));
  } catch {
    return undefined;
  }
}

/** A signature as the contract reads it. */
export interface IndexedSignature {
  /** Of the signer in the set. */
  readonly index: number;
  readonly v: number;
  readonly r: `0x${string}`;
  readonly s: `0x${string}`;
}

/**
 * Z-51: of signatures that came from anywhere those that count, one a signer, in the contract’s order. Throws `NO_QUORUM` unless they hold more than 2/3 of
 * the set’s stake.
 */
export function collectSignatures(options: {
  readonly contract: ProofsContract;
  /** Who signs now, as the contract says. */
  readonly set: EvmValidatorSet;
  readonly statement: EvmStatement;
  readonly signatures: readonly Uint8Array[];
}): readonly IndexedSignature[] {
  const { contract, set, statement, signatures } = options;
  const bySigner = new Map<EvmAddress, Uint8Array>();
  for (const signature of signatures) {
    const signer = statementSigner(contract, statement, signature);
    if (signer !== undefined) bySigner.set(signer, signature);
  }
  const counted = set.validators.flatMap(({ signer, stake }, index) => {
    const signature = bySigner.get(signer);
    return signature === undefined ? [] : [{ index, stake, signature }];
  });
  const signedStake = counted.reduce((sum, { stake }) => sum + stake, 0n);
  if (3n * signedStake <= 2n * set.totalStake)
    throw new KarmeshError('NO_QUORUM', 'Those who signed hold no more than two thirds of the stake.', {
      signedStake,
      totalStake: set.totalStake,
      signers: counted.length,
      refused: signatures.length - counted.length,
    });
  return counted.map(({ index, signature }) => ({
    index,
    v: signature[64] ?? 0,
    r: hex(signature.subarray(0, 32)),
    s: hex(signature.subarray(32, 64)),
  }));
}
