import { openTensorCommitter } from '@karmesh/circuits/commitment/open';
import { modelKeyTree, readModelKeys } from '@karmesh/node/models';
import { type ChainView, NONE, type ProgramClient } from '@karmesh/sdk/program';
import { firstSlotOfEpoch, namedParameters, type OffchainParameters, type Participant } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { Replayer } from '../audit/judgeAnswer.ts';
import { proofLedger } from '../chain/proofLedger.ts';
import { challengeJudge, type KnownKeys } from '../challenge/challengeJudge.ts';
import { keyRegistry } from '../challenge/keyRegistry.ts';
import { proofRecorder } from '../challenge/proofRecorder.ts';
import type { Challenges, ValidatorParts } from '../validator.ts';

/**
 * All that judges proofs, for the keys in these files; undefined without any. INSECURE DEVELOPMENT KEYS are passed over on other clusters than localnet
 * (Z-32). Throws `MODEL_INVALID`, `STORE_FAILED`.
 */
export async function openChallenges(
  options: {
    readonly keyFiles: readonly string[];
    readonly folder: string;
    readonly maxRecords: number;
    readonly isLocalnet: boolean;
  },
  parts: {
    readonly stack: AsyncDisposableStack;
    readonly view: ChainView;
    readonly client: ProgramClient;
    readonly me: Participant;
    readonly identity: Uint8Array;
    readonly offchain: OffchainParameters;
    readonly replayer: Pick<Replayer, 'prompt'>;
    readonly sleep: ValidatorParts['sleep'];
    readonly log: Logger;
  },
): Promise<Challenges | undefined> {
  const { stack, view, replayer, sleep, log } = parts;
  const { domain } = view.config();
  const keys: KnownKeys[] = [];
  for (const path of options.keyFiles) {
    const known = await readModelKeys(path);
    if (known.developmentSeed !== undefined && !options.isLocalnet)
      log.warn({ path }, 'INSECURE DEVELOPMENT KEYS are for localnet alone and were passed over.');
    else {
      const { root, count } = modelKeyTree(domain, known);
      keys.push({ ...known, keysRoot: root.hash, keyCount: count });
    }
  }
  if (keys.length === 0) return undefined;
  const ledger = proofLedger(parts);
  const registry = keyRegistry()({ keys, ledger, nowMs: () => performance.now(), log });
  const { folder, maxRecords } = options;
  const recorder = stack.use(
    await proofRecorder({ folder, maxRecords })({
      domain,
      keys,
      ledger,
      lastFinalisedEpoch() {
        const { lastFinalisedEpoch } = view.config();
        return lastFinalisedEpoch === NONE ? undefined : lastFinalisedEpoch;
      },
      nowMs: () => performance.now(),
      sleep,
      log,
    }),
  );
  const firstSlotOf = (epoch: bigint): bigint => {
    const { epochZeroSlot, parameters } = view.config();
    return firstSlotOfEpoch({ epochZeroSlot, slotsPerEpoch: namedParameters(parameters).slotsPerEpoch }, epoch);
  };
  const judge = challengeJudge({
    domain,
    keys,
    isAdmitted: registry.isAdmitted,
    isAdmittedElsewhere: registry.isAdmittedElsewhere,
    commit: await openTensorCommitter(),
    replayer,
    firstSlotOf,
    deadlineSlots: parts.offchain.proofDeadlineSlots,
  });
  return { judge, registry, recorder };
}
