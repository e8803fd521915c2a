import type { KeysName } from '@karmesh/sdk/program';
import { toHex } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { ProofLedger } from '../chain/proofLedger.ts';
import type { KnownKeys } from './challengeJudge.ts';

/** Which keys the registry has admitted, and this validator's word for those that it knows (Z-40). */
export interface KeyRegistry {
  isAdmitted(keys: KnownKeys): boolean;
  /** Asks the chain. Throws `RPC_UNREACHABLE`, `RPC_FAILED`. */
  isAdmittedElsewhere(keys: KeysName, options: { readonly signal: AbortSignal }): Promise<boolean>;
  /** Looks at the chain, and attests what it knows and nobody has admitted yet. Called with every look at the chain; it does little once all are admitted. */
  look(options: { readonly signal: AbortSignal }): Promise<void>;
}

export interface KeyRegistryOptions {
  /** Milliseconds between two looks at keys that are not admitted, 2,000 unless told. */
  readonly everyMs?: number;
}

export const keyRegistry =
  ({ everyMs = 2_000 }: KeyRegistryOptions = {}) =>
  (parts: {
    readonly keys: readonly KnownKeys[];
    readonly ledger: Pick<ProofLedger, 'standing' | 'attest'>;
    readonly nowMs: () => number;
    readonly log: Pick<Logger, 'info' | 'warn'>;
  }): KeyRegistry => {
    const { ledger, log } = parts;
    const admitted = new Set<string>();
    let lookedMs = Number.NEGATIVE_INFINITY;
    const lookAt = async (known: KnownKeys, signal: AbortSignal): Promise<void> => {
      const { modelId, keysRoot, keyCount } = known;
      const name = { modelId, keysRoot, keyCount };
      const about = { modelId: toHex(modelId), keysRoot: toHex(keysRoot) };
      try {
        const { isAdmitted, isAttested } = await ledger.standing(name, { signal });
        if (isAdmitted) {
          admitted.add(toHex(keysRoot));
          log.info(about, 'The keys of a model are admitted.');
        } else if (!isAttested) {
          await ledger.attest(name, { signal });
          log.info(about, 'Attested the keys of a model.');
        }
      } catch (err) {
        if (signal.aborted) throw err;
        // Before its first epoch a validator may not attest.
        log.warn({ err, ...about }, 'The keys of a model could not be attested yet.');
      }
    };
    return {
      isAdmitted: ({ keysRoot }) => admitted.has(toHex(keysRoot)),
      isAdmittedElsewhere: async (name, options) => (await ledger.standing(name, options)).isAdmitted,
      async look({ signal }) {
        const open = parts.keys.filter(({ keysRoot }) => !admitted.has(toHex(keysRoot)));
        if (open.length === 0 || parts.nowMs() - lookedMs < everyMs) return;
        lookedMs = parts.nowMs();
        for (const known of open) await lookAt(known, signal);
      },
    };
  };
