import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AdmissionPolicy,
  beginKey,
  type FoundKey,
  findKey,
  type KeyFile,
  type PinnedPowers,
  type RefusedKey,
  readKeyFiles,
} from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { hash, toHex } from '@karmesh/sdk/protocol';
import type { ModelKeys } from '../../../models/modelKeys.ts';
import type { KeyLayer } from './keyLayers.ts';

export interface AdmitLayersOptions {
  /** By `readCeremonyKeys`. */
  readonly files: readonly KeyFile[];
  readonly powersOfTau: PinnedPowers;
  readonly policy: AdmissionPolicy;
  readonly signal?: AbortSignal | undefined;
}

export interface AdmittedLayers {
  /** Of every operator, by number. */
  readonly keys: ModelKeys['keys'];
  /** Files of the folder that are the key of no operator, and why. */
  readonly passedOver: readonly RefusedKey[];
}

/** The .zkey files of a folder. Throws `CEREMONY_REFUSED` if none is of a ceremony, and what `readKeyFiles` throws. */
export async function readCeremonyKeys(folder: string): Promise<readonly KeyFile[]> {
  const files = await readKeyFiles(folder);
  if (files.every(({ insecure }) => insecure))
    throw new KarmeshError('CEREMONY_REFUSED', 'The folder has no key of a ceremony.', {
      folder,
      ...faultsOf(files.map(strangerFault)),
    });
  return files;
}

/**
 * Z-35: admits the key of every layer out of the files of a folder. Each is begun anew from the weights and the pinned powers of tau, half a minute for a matrix of 256 x 256, and a key that began so has to be
 * there. Throws `CEREMONY_REFUSED` with all layers that have none and why, and what `beginKey` throws.
 */
export async function admitLayers(
  layers: readonly Pick<KeyLayer, 'operators' | 'title' | 'contextIndex' | 'build'>[],
  options: AdmitLayersOptions,
  { onLayer }: { readonly onLayer?: (title: string, place: { layer: number; layers: number }) => void } = {},
): Promise<AdmittedLayers> {
  const { files, policy, signal } = options;
  const keys: ModelKeys['keys'][number][] = [];
  const admitted: KeyFile[] = [];
  const refused: RefusedKey[] = [];
  const missing: Record<string, string> = {};
  for (const [at, layer] of layers.entries()) {
    signal?.throwIfAborted();
    onLayer?.(layer.title, { layer: at, layers: layers.length });
    const found = await findLayerKey(layer, options);
    refused.push(...found.refused);
    if (found.verdict === 'reject') {
      missing[`operator ${layer.operators.join(', ')} (${layer.title})`] = missingFault(found);
      continue;
    }
    const { verifyingKey } = found.key;
    admitted.push(found.key);
    for (const operator of layer.operators)
      keys[operator] = { keyId: hash(verifyingKey), verifyingKey, contextIndex: layer.contextIndex };
  }
  const known = new Set([...admitted, ...refused].map(({ path }) => path));
  const copied = new Set(admitted.map(({ verifyingKey }) => toHex(verifyingKey)));
  const strangers = files
    .filter(({ path, verifyingKey }) => !known.has(path) && !copied.has(toHex(verifyingKey)))
    .map(strangerFault);
  const lacking = Object.keys(missing).length;
  if (lacking > 0)
    throw new KarmeshError('CEREMONY_REFUSED', `${lacking} of ${layers.length} keys of the model are not there.`, {
      ...missing,
      ...faultsOf(strangers),
    });
  refuseLeftOut(admitted, policy);
  return { keys, passedOver: [...refused, ...strangers] };
}

/** Begins the layer's key and looks for one that began so. The beginning is as large as the key, and is not kept. */
async function findLayerKey(
  layer: Pick<KeyLayer, 'build'>,
  { files, powersOfTau, policy, signal }: AdmitLayersOptions,
): Promise<FoundKey> {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-ceremony-'));
  try {
    const zkey = join(folder, 'begun.zkey');
    const { pieces } = await layer.build();
    const circuitHash = await beginKey({ constraints: pieces(), powersOfTau, path: zkey });
    const beginning = { zkey, powersOfTau: powersOfTau.path, circuitHash };
    // What contributors have published is looked for in all keys together.
    return await findKey({ files, beginning, policy: { ...policy, contributionHashes: [] }, signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function missingFault({ refused }: FoundKey): string {
  if (refused.length === 0) return 'no key has begun with its constraints and these powers of tau';
  return refused.map(({ path, rule, fault }) => `${path} is refused by ${rule}: ${fault}`).join('; ');
}

function strangerFault({ path, insecure }: KeyFile): RefusedKey {
  return insecure
    ? { path, rule: 'Z-32', fault: 'it is an INSECURE DEVELOPMENT KEY' }
    : { path, rule: 'Z-33', fault: 'it began with no operator of this model, or with other powers of tau' };
}

function faultsOf(refused: readonly RefusedKey[]): Readonly<Record<string, string>> {
  return Object.fromEntries(refused.map(({ path, rule, fault }) => [path, `${rule}: ${fault}`]));
}

/** Z-34: a contributor publishes a hash for every key, and finds each in one of them. Throws `CEREMONY_REFUSED`. */
function refuseLeftOut(admitted: readonly KeyFile[], { contributionHashes = [] }: AdmissionPolicy): void {
  const known = new Set(admitted.flatMap(({ contributions }) => contributions.map((each) => toHex(each.hash))));
  const missing = contributionHashes.map(toHex).filter((each) => !known.has(each));
  if (missing.length > 0)
    throw new KarmeshError('CEREMONY_REFUSED', 'Contributions that were published are in none of the keys.', {
      rule: 'Z-34',
      missing: missing.join(', '),
    });
}
