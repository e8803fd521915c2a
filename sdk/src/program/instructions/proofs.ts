import type { TransactionInstruction } from '@solana/web3.js';
import type { SumPath } from '../../protocol/merkle.ts';
import { signalBytes } from '../../protocol/proofs.ts';
import type { Address } from '../address.ts';
import type { KeysName, ProgramAddresses, ProvenName } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';
import { compressVerifyingKey } from '../compressVerifyingKey.ts';

/** P-23. The validator's identity signs and pays the rent. */
export function attestKeys(
  addresses: ProgramAddresses,
  options: KeysName & { readonly identity: Address; readonly validator: Address },
): TransactionInstruction {
  const { identity, validator, ...args } = options;
  const modelKeys = addresses.modelKeys(args);
  return buildInstruction({
    programId: addresses.programId,
    name: 'attestKeys',
    args,
    accounts: {
      identity,
      config: addresses.config,
      validator,
      modelKeys,
      attestation: addresses.keyAttestation(modelKeys, validator),
    },
  });
}

/** P-24. Anyone may send it; `payer` signs and pays the rent, which stays. The path is one without sums. Throws `BAD_ARGUMENT` for a key of another length. */
export function registerLayer(
  addresses: ProgramAddresses,
  options: {
    readonly payer: Address;
    readonly modelKeys: Address;
    readonly operator: number;
    readonly contextIndex: number;
    /** As its keyId is made of: 512 bytes and 64 for each signal. */
    readonly verifyingKey: Uint8Array;
    readonly path: SumPath;
  },
): TransactionInstruction {
  const { payer, modelKeys, operator, contextIndex, verifyingKey, path } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'registerLayer',
    args: {
      operator,
      contextIndex,
      ...compressVerifyingKey(verifyingKey),
      path: path.map(({ hash }) => hash),
    },
    accounts: { payer, config: addresses.config, modelKeys, layer: addresses.layer(modelKeys, operator) },
  });
}

/** P-25. Anyone may send it; `payer` signs, and the record is its own. Throws `CODEC` for a signal that does not fit 32 bytes. */
export function verifyLayerProof(
  addresses: ProgramAddresses,
  options: ProvenName & {
    readonly operator: number;
    readonly signals: readonly bigint[];
    /** 256 bytes: A, B and C. */
    readonly proof: Uint8Array;
  },
): TransactionInstruction {
  const { payer, modelKeys, signals, ...args } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'verifyLayerProof',
    args: { ...args, signals: signals.map(signalBytes) },
    accounts: {
      payer,
      config: addresses.config,
      modelKeys,
      layer: addresses.layer(modelKeys, options.operator),
      proven: addresses.proven(options),
    },
  });
}

/** P-26. `payer` signs and gets the rent back. */
export function closeProven(addresses: ProgramAddresses, record: ProvenName): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeProven',
    args: {},
    accounts: { payer: record.payer, config: addresses.config, proven: addresses.proven(record) },
  });
}
