import {
  attestKeys,
  closeProven,
  decodeKeyAttestation,
  decodeLayer,
  decodeModelKeys,
  decodeProven,
  type KeyAttestationAccount,
  type KeysName,
  type LayerAccount,
  type ModelKeysAccount,
  type ProvenAccount,
  type ProvenName,
  registerLayer,
  verifyLayerProof,
} from '@karmesh/sdk/program';
import { layerKeyTree, proofContext, type SumTree } from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';
import { namedHash } from './keys.ts';
import type { Ran } from './ledger/ledger.ts';
import { type Member, MODEL, must, type World } from './world.ts';

/** The key of one operator, and which of its signals is the context. */
export interface OperatorKey {
  readonly keyId: Uint8Array;
  readonly verifyingKey: Uint8Array;
  readonly contextIndex: number;
}

/** A model's keys under their root. */
export interface Registry extends KeysName {
  /** Where their account lies. */
  readonly address: Uint8Array;
  readonly keys: readonly OperatorKey[];
  readonly tree: SumTree;
}

export function registryOf(world: World, keys: readonly OperatorKey[]): Registry {
  const tree = layerKeyTree(world.domain, { modelId: MODEL, keys });
  const name = { modelId: MODEL, keysRoot: tree.root.hash, keyCount: keys.length };
  return { ...name, address: world.addresses.modelKeys(name), keys, tree };
}

export function sendAttestKeys(world: World, validator: Member, keys: KeysName): Promise<Ran> {
  const { modelId, keysRoot, keyCount } = keys;
  const identity = validator.identity.publicKey;
  return world.ledger.send(
    [attestKeys(world.addresses, { identity, validator: validator.address, modelId, keysRoot, keyCount })],
    [validator.identity],
  );
}

/** Three of the four validators attest, which is more than two thirds. */
export async function admit(world: World, keys: Registry): Promise<Registry> {
  for (const validator of world.validators.slice(0, 3)) await sendAttestKeys(world, validator, keys);
  return keys;
}

/** The arguments of a registration, for tests to bend. */
export function layerOptions(world: World, registry: Registry, operator: number) {
  const key = registry.keys[operator];
  if (key === undefined) throw new RangeError('The model has no operator of this number.');
  return {
    payer: world.operator.publicKey,
    modelKeys: registry.address,
    operator,
    contextIndex: key.contextIndex,
    verifyingKey: key.verifyingKey,
    path: registry.tree.path(operator),
  };
}

export function sendLayer(world: World, registry: Registry, operator: number): Promise<Ran> {
  return world.ledger.send([registerLayer(world.addresses, layerOptions(world, registry, operator))], [world.operator]);
}

/** The token that these tests prove something of. */
export const TOKEN = { epoch: 0n, entryHash: namedHash('entry'), position: 5 };

export function contextOf(world: World, operator: number, token = TOKEN): bigint {
  return proofContext(world.domain, { ...token, modelId: MODEL, operator });
}

export interface SentProof {
  readonly operator: number;
  readonly signals: readonly bigint[];
  readonly proof: Uint8Array;
  readonly payer?: Keypair;
}

export function proofOptions(world: World, registry: Registry, { payer = world.operator, ...sent }: SentProof) {
  return { ...TOKEN, ...sent, modelKeys: registry.address, payer: payer.publicKey };
}

export function sendProof(world: World, registry: Registry, sent: SentProof): Promise<Ran> {
  return world.ledger.send(
    [verifyLayerProof(world.addresses, proofOptions(world, registry, sent))],
    [sent.payer ?? world.operator],
  );
}

/** Whose record of the token it is: the operator's unless told. */
export function recordOf(world: World, registry: Registry, payer = world.operator): ProvenName {
  return { ...TOKEN, modelKeys: registry.address, payer: payer.publicKey };
}

export function sendCloseProven(world: World, registry: Registry, payer = world.operator): Promise<Ran> {
  return world.ledger.send([closeProven(world.addresses, recordOf(world, registry, payer))], [payer]);
}

export async function readModelKeys({ ledger, addresses }: World, keys: KeysName): Promise<ModelKeysAccount> {
  return decodeModelKeys(await must(ledger.account(addresses.modelKeys(keys))));
}

export async function readKeyAttestation(world: World, keys: Registry, of: Member): Promise<KeyAttestationAccount> {
  const { ledger, addresses } = world;
  return decodeKeyAttestation(await must(ledger.account(addresses.keyAttestation(keys.address, of.address))));
}

export async function readLayer(world: World, keys: Registry, operator: number): Promise<LayerAccount> {
  return decodeLayer(await must(world.ledger.account(world.addresses.layer(keys.address, operator))));
}

export async function readProven(world: World, keys: Registry, payer = world.operator): Promise<ProvenAccount> {
  return decodeProven(await must(world.ledger.account(world.addresses.proven(recordOf(world, keys, payer)))));
}
