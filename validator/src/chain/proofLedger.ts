import {
  attestKeys,
  closeProven,
  type KeysName,
  NONE,
  type ProgramClient,
  type ProvenName,
  registerLayer,
  verifyLayerProof,
} from '@karmesh/sdk/program';
import type { Hash, Participant, SumPath } from '@karmesh/sdk/protocol';
import type { TransactionInstruction } from '@solana/web3.js';

type Signalled = { readonly signal: AbortSignal };

/** The verifying key of an operator with its place under a keysRoot (Z-40). */
export interface PlacedKey {
  readonly operator: number;
  readonly contextIndex: number;
  readonly verifyingKey: Uint8Array;
  readonly path: SumPath;
}

/** Which token is recorded. */
export interface RecordPlace {
  readonly keys: KeysName;
  readonly epoch: bigint;
  readonly entryHash: Hash;
  readonly position: number;
}

/**
 * Keys and proofs on chain (P-23 to P-25), as this validator writes them.
 *
 * @throws KarmeshError `PROGRAM_ERROR` with the program's error name in `facts.error`, `TRANSACTION_FAILED`, `RPC_UNREACHABLE`, `ABORTED`.
 */
export interface ProofLedger {
  standing(keys: KeysName, options: Signalled): Promise<{ readonly isAdmitted: boolean; readonly isAttested: boolean }>;
  attest(keys: KeysName, options: Signalled): Promise<string>;
  /** The statements that this validator has recorded of a token, by operator. */
  recorded(place: RecordPlace, options: Signalled): Promise<readonly (Uint8Array | undefined)[]>;
  /** Registers a key unless that was done. */
  register(key: PlacedKey & { readonly keys: KeysName }, options: Signalled): Promise<void>;
  /** Has the chain check a proof and keep its statement. */
  record(
    proven: RecordPlace & {
      readonly operator: number;
      readonly signals: readonly bigint[];
      readonly proof: Uint8Array;
    },
    options: Signalled,
  ): Promise<void>;
  /** P-26: ends this validator's record of a token, if there is one, and takes its rent back. */
  close(place: RecordPlace, options: Signalled): Promise<void>;
}

/** Points are decompressed and a path is walked. */
const REGISTER_COMPUTE_UNITS = 600_000;
const TIMEOUT_MS = 30_000;

export function proofLedger(parts: {
  readonly client: ProgramClient;
  readonly me: Participant;
  readonly identity: Uint8Array;
}): ProofLedger {
  const { client, me, identity } = parts;
  const { addresses } = client;
  const send = async (
    instruction: TransactionInstruction,
    { signal }: Signalled,
    limit: { readonly computeUnits?: number } = {},
  ): Promise<string> => (await client.send([instruction], { signal, timeoutMs: TIMEOUT_MS, ...limit })).signature;
  const nameOf = ({ keys, epoch, entryHash, position }: RecordPlace): ProvenName => ({
    modelKeys: addresses.modelKeys(keys),
    epoch,
    entryHash,
    position,
    payer: identity,
  });
  return {
    async standing(keys, options) {
      const account = await client.modelKeys(keys, options);
      if (account === undefined) return { isAdmitted: false, isAttested: false };
      const isAdmitted = account.admittedEpoch !== NONE;
      const own = isAdmitted ? undefined : await client.keyAttestation(account.address, me, options);
      return { isAdmitted, isAttested: own !== undefined };
    },
    attest: (keys, options) => send(attestKeys(addresses, { ...keys, identity, validator: me }), options),
    recorded: async (place, options) => (await client.proven(nameOf(place), options))?.statements ?? [],
    async register({ keys, ...key }, options) {
      const modelKeys = addresses.modelKeys(keys);
      if ((await client.layer(modelKeys, key.operator, options)) !== undefined) return;
      const limit = { computeUnits: REGISTER_COMPUTE_UNITS };
      await send(registerLayer(addresses, { payer: identity, modelKeys, ...key }), options, limit);
    },
    async record({ operator, signals, proof, ...place }, options) {
      await send(verifyLayerProof(addresses, { ...nameOf(place), operator, signals, proof }), options);
    },
    async close(place, options) {
      const name = nameOf(place);
      if ((await client.proven(name, options)) !== undefined) await send(closeProven(addresses, name), options);
    },
  };
}
