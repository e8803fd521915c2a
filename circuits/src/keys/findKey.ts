import { type AdmissionPolicy, type AdmissionRule, type AdmitKeyOptions, admitKey } from './admitKey.ts';
import type { KeyFile } from './keyFiles.ts';

export interface FindKeyOptions {
  /** Of a folder, by `readKeyFiles`. */
  readonly files: readonly KeyFile[];
  /** What the layer's key must have begun with, and snarkjs' hash of that (`beginKey`). */
  readonly beginning: NonNullable<AdmitKeyOptions['beginning']> & { readonly circuitHash: Uint8Array };
  readonly policy: AdmissionPolicy;
  readonly signal?: AbortSignal | undefined;
}

/** Why a file is not the key of a layer. */
export interface RefusedKey {
  readonly path: string;
  readonly rule: AdmissionRule | 'Z-35';
  readonly fault: string;
}

/** `refused` are those that began with the layer and are not taken; there may be none at all. */
export type FoundKey =
  | { readonly verdict: 'accept'; readonly key: KeyFile; readonly refused: readonly RefusedKey[] }
  | { readonly verdict: 'reject'; readonly refused: readonly RefusedKey[] };

/** Z-35: finds the key of a layer among files by what it began with, whatever its file is called. What contributors have given on lies beside it as a rule, and is refused. */
export async function findKey({ files, beginning, policy, signal }: FindKeyOptions): Promise<FoundKey> {
  const admitted: KeyFile[] = [];
  const refused: RefusedKey[] = [];
  for (const file of files) {
    if (file.insecure || !Buffer.from(file.circuitHash).equals(beginning.circuitHash)) continue;
    const verdict = await admitKey({ zkey: file.path, beginning, policy, signal });
    if (verdict.verdict === 'accept') admitted.push(file);
    else refused.push({ path: file.path, rule: verdict.rule, fault: verdict.fault });
  }
  const [key] = admitted;
  if (key === undefined) return { verdict: 'reject', refused };
  const others = admitted.filter(({ verifyingKey }) => !Buffer.from(verifyingKey).equals(key.verifyingKey));
  if (others.length === 0) return { verdict: 'accept', key, refused };
  const fault = 'the folder has another key of this layer that is admitted as well';
  return { verdict: 'reject', refused: [key, ...others].map(({ path }) => ({ path, rule: 'Z-35', fault })) };
}
