import {
  collectSignatures,
  deployProofs,
  type EvmStatement,
  type EvmValidatorSet,
  evmAddressOf,
  type IndexedSignature,
  type ProofClaim,
  type ProofsClient,
  type ProofsContract,
  signatureBytes,
  statementDigest,
} from '@karmesh/sdk/evm';
import {
  type Hash,
  hash,
  type LayerKeyName,
  layerKeyTree,
  type ProofPlace,
  proofContext,
  type SumTree,
  sumTree,
  u64le,
} from '@karmesh/sdk/protocol';
import { type Secp256k1Key, secp256k1KeyFromSecret } from '@karmesh/sdk/runtime';
import type { ProvenLayer, ProvenLayers } from './provenLayers.ts';
import type { Anvil } from './startAnvil.ts';

export const named = (name: string): Hash => hash(new TextEncoder().encode(name));

export const domain = named('domain');
export const modelId = named('model');
export const EPOCH = 7n;
/** Enough for every call here; an estimate is tried where that is what is tested. */
export const gasLimit = 5_000_000n;

/** Keys whose addresses ascend, as a set has them. */
export const signers: readonly Secp256k1Key[] = [1, 2, 3, 4]
  .map((byte) => secp256k1KeyFromSecret(new Uint8Array(32).fill(byte)))
  .sort((a, b) => Buffer.compare(a.address, b.address));

/** 40, 30, 20 and 10 of 100. */
export const validators: EvmValidatorSet = {
  totalStake: 100n,
  validators: signers.map(({ address }, i) => ({ signer: evmAddressOf(address), stake: 40n - 10n * BigInt(i) })),
};

export const entries = [3n, 5n, 8n, 13n, 21n].map((price, i) => ({ price, entryHash: named(`entry ${i}`) }));

/** E-32 */
export function receiptSet(epoch: bigint, of = entries): SumTree {
  return sumTree(
    of.map(({ entryHash, price }) => ({
      hash: hash(new Uint8Array(1), domain, u64le(epoch), entryHash),
      sums: [price],
    })),
    1,
  );
}

export const epochStatement = (epoch = EPOCH, of = entries) => {
  const { root, count } = receiptSet(epoch, of);
  return { kind: 'epoch', epoch, receiptSetRoot: root.hash, entryCount: count, next: validators } as const;
};

/** A model of three operators; the last has the first one’s key. */
export function modelKeys({ keys, contextIndex }: ProvenLayers) {
  const names: readonly LayerKeyName[] = [0, 1, 0].map((i) => ({
    keyId: keys[i]?.keyId ?? new Uint8Array(32),
    contextIndex,
  }));
  const tree = layerKeyTree(domain, { modelId, keys: names });
  const layer = (operator: number) => ({
    modelId,
    operator,
    contextIndex,
    verifyingKey: keys[operator % 2]?.verifyingKey ?? new Uint8Array(0),
    path: tree.path(operator),
  });
  return { layer, statement: { kind: 'keys', modelId, keysRoot: tree.root.hash, keyCount: names.length } as const };
}

/** What a signer says of a statement. */
export const signed = (key: Secp256k1Key, contract: ProofsContract, statement: EvmStatement): Uint8Array =>
  signatureBytes(key.sign(statementDigest(contract, statement)));

/** The signatures of the first `count` signers, checked and in order. */
export function signatures(contract: ProofsContract, statement: EvmStatement, count = 3): readonly IndexedSignature[] {
  const all = signers.slice(0, count).map((key) => signed(key, contract, statement));
  return collectSignatures({ contract, set: validators, statement, signatures: all });
}

export interface Scene {
  readonly client: ProofsClient;
  readonly layers: ProvenLayers;
  /** A claim about an entry, and the proof that it holds. */
  claim(options?: {
    readonly entry?: number;
    readonly operator?: number;
    readonly position?: number;
    readonly first?: number;
  }): Promise<ProofClaim>;
}

/** A contract that has taken in an epoch, a model’s keys and two of its layers. */
export async function openScene(anvil: Anvil, layers: ProvenLayers): Promise<Scene> {
  const options = { signal: new AbortController().signal, gasLimit };
  const client = await deployProofs(
    { domain, fromEpoch: 0n, set: validators },
    { runner: anvil.chain.runner, ...options },
  );
  const epoch = epochStatement();
  await client.advance(epoch, signatures(client.contract, epoch), options);
  const model = modelKeys(layers);
  await client.admitKeys(model.statement, signatures(client.contract, model.statement), options);
  for (const operator of [0, 1]) await client.registerLayer(model.layer(operator), options);
  return {
    client,
    layers,
    async claim({ entry = 2, operator = 0, position = 4, first = 5 } = {}) {
      const { entryHash, price } = entries[entry] ?? { entryHash: new Uint8Array(32), price: 0n };
      const place: ProofPlace = { epoch: EPOCH, entryHash, modelId, position, operator };
      const proven: ProvenLayer = await layers.prove({
        layer: operator % 2,
        context: proofContext(domain, place),
        first,
      });
      return { place, entry: { price, index: entry, path: receiptSet(EPOCH).path(entry) }, ...proven };
    },
  };
}
