import {
  equalBytes,
  rootSealOf,
  type Signed,
  tryDecode,
  type Verdict,
  verdictRecord,
  verdictsRootOf,
} from '@karmesh/sdk/protocol';
import type { EpochFacts } from '../chain/chainReader.ts';
import { type DutyParts, identityOf, parametersOf, type RunDuty, validatorsOf } from './dutyParts.ts';
import { epochContext } from './epochContext.ts';
import { tallyEpoch } from './tallyEpoch.ts';
import { checkVerdictList, verdictListCodec } from './verdictList.ts';

const MAX_SAID_AGAIN = 256;
/** When what was refused may fare better. */
const NEXT_LIST = 'when another list of verdicts is posted';

/** P-17: checks the posted verdicts, tallies, and seals the report's hash. Report and salt are on disk before the transaction leaves. */
export const sealRoot: RunDuty = async (parts, account, { signal }) => {
  const { domain, me, chain, store, protection, writer, log } = parts;
  const { epoch, verdictsRoot, verdictAttempt: attempt } = account;
  const before = protection.rootVote(epoch, attempt);
  if (before !== undefined) {
    const seal = rootSealOf(domain, { epoch, reportHash: before.reportHash, salt: before.salt, validator: me });
    await writer.postRoot({ epoch, seal, attempt }, { signal });
    return 'done';
  }
  if (!protection.maySeal(epoch, attempt)) {
    log.warn(
      { epoch: epoch.toString(), attempt, rule: 'V-25', retry: 'in the first epoch that is open' },
      'The protection log is closed to this epoch; nothing is sealed.',
    );
    return 'refused';
  }
  const context = await epochContext(parts, account, { signal });
  const verdicts = context === undefined ? undefined : await findVerdicts(parts, account, { signal });
  if (context === undefined || verdicts === undefined) return 'waiting';
  const held = store.book(epoch)?.verdicts.values() ?? [];
  const fault = checkVerdictList(context.verdicts, { list: verdicts, posted: account, held });
  if (fault !== undefined) {
    const { rule, facts, missing = [] } = fault;
    log.warn(
      { epoch: epoch.toString(), rule, facts, retry: NEXT_LIST },
      'The posted verdicts do not hold; nothing is sealed over them.',
    );
    // Whoever left them out may never have heard them, as after a time in which the network was cut: it does now, and so does who posts next.
    for (const signed of missing.slice(0, MAX_SAID_AGAIN)) await parts.announce.verdict(signed);
    return 'refused';
  }
  const participants = chain.participants();
  const tallied = await tallyEpoch({
    ...context,
    domain,
    chain: parametersOf(parts, epoch),
    offchain: parts.offchain,
    prior: context.ledger.state,
    beacon: account.beacon,
    verdictsRoot,
    verdicts,
    validators: validatorsOf(participants, epoch),
    // Every participant that earns was read from the chain.
    indexOf: (participant) => participants.find(({ address }) => equalBytes(address, participant))?.index ?? -1,
    signal,
  });
  const { report, reportHash } = tallied;
  await store.addBody({ epoch, kind: 'report', key: reportHash, bytes: tallied.body });
  const vote = await protection.sealRoot({
    epoch,
    attempt,
    verdictsRoot,
    reportHash,
    report,
    salt: parts.randomHash(),
  });
  parts.onStage?.('root:bound');
  const seal = rootSealOf(domain, { epoch, reportHash, salt: vote.salt, validator: me });
  const signature = await writer.postRoot({ epoch, seal, attempt }, { signal });
  log.info({ epoch: epoch.toString(), attempt, verdicts: verdicts.length, signature }, 'The report was sealed.');
  return 'done';
};

async function findVerdicts(
  parts: DutyParts,
  account: EpochFacts,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly Signed<Verdict>[] | undefined> {
  const { epoch, verdictsRoot, verdictCount, verdictsProposer } = account;
  if (verdictCount === 0) return [];
  const parse = (bytes: Uint8Array): readonly Signed<Verdict>[] | undefined => {
    const list = tryDecode(verdictListCodec, bytes);
    const root = verdictsRootOf((list ?? []).map(({ value }) => verdictRecord.hash(parts.domain, value)));
    return equalBytes(root, verdictsRoot) ? list : undefined;
  };
  const from = identityOf(parts.chain.participants(), verdictsProposer);
  return parts.bodies.find({ epoch, kind: 'verdicts', key: verdictsRoot, from, parse }, { signal });
}
