import { type Bundle, checkSumPathHash, groupReaches } from './bundle.ts';
import { equalBytes, toHex } from './bytes.ts';
import { checkEntry } from './checkEntry.ts';
import { entryHashOf } from './entry.ts';
import { epochOfSlot } from './epochClock.ts';
import type { Hash } from './hash.ts';
import { type Domain, makeDomain } from './header.ts';
import type { EscrowAddress, Participant } from './ids.ts';
import { entryLeaf, manifestHashOf, slotHashLeaf } from './manifest.ts';
import { modelIdOf } from './model.ts';
import { outputHashOf } from './output.ts';
import { type ChainParameters, type OffchainParameters, type ParameterChange, parametersIn } from './parameters.ts';
import { creditLeaf, lifetimeLeaf, reportHashOf } from './report.ts';
import { requestIdOf } from './request.ts';
import type { VerifySignature } from './signature.ts';
import { creditsOf } from './tally.ts';

/** What a verifier reads from the chain itself. Each lookup answers undefined for an account that does not exist. */
export interface BundleChain {
  readonly genesisHash: Hash;
  readonly programId: Uint8Array;
  readonly epochZeroSlot: bigint;
  readonly parameters: ChainParameters;
  /** P-36: what votes changed of them, the newest first. */
  readonly changes: readonly ParameterChange[];
  readonly offchain: OffchainParameters;
  readonly gatewayIdentity: (gateway: Participant, epoch: bigint) => Uint8Array | undefined;
  readonly chain: (
    gateway: Participant,
    epoch: bigint,
  ) => { readonly commitment: Hash; readonly length: number } | undefined;
  readonly escrowGateway: (escrow: EscrowAddress) => Participant | undefined;
  readonly epoch: (
    epoch: bigint,
  ) => { readonly manifestHash: Hash; readonly reportHash: Hash; readonly isFinalised: boolean } | undefined;
}

/** One thing that was checked, by its rule; `facts` say what did not hold. */
export interface BundleCheck {
  readonly rule: string;
  readonly what: string;
  readonly holds: boolean;
  readonly facts: Readonly<Record<string, string | number | bigint>>;
}

export interface BundleVerdict {
  /** True if every check holds and nothing is pending. */
  readonly holds: boolean;
  readonly checks: readonly BundleCheck[];
  /** What the chain cannot say yet: the epoch is not closed, or not final. */
  readonly pending: readonly string[];
  readonly requestId: Hash;
  readonly epoch: bigint | undefined;
}

/** B-02 to B-09: rechecks an answer from its bundle and the chain alone, with the code that gateway and validators use. */
export function verifyBundle(
  bundle: Bundle,
  chain: BundleChain,
  options: { readonly verify?: VerifySignature } = {},
): BundleVerdict {
  const checks: BundleCheck[] = [];
  const check = (rule: string, what: string, holds: boolean, facts: BundleCheck['facts'] = {}): boolean => {
    checks.push({ rule, what, holds, facts: holds ? {} : facts });
    return holds;
  };
  const { entry } = bundle;
  const ticket = entry.ticket.value;
  const dispatch = entry.dispatch.value;
  const epoch = epochOfSlot(
    { epochZeroSlot: chain.epochZeroSlot, slotsPerEpoch: chain.parameters.slotsPerEpoch },
    dispatch.slot,
  );
  check(
    'B-02',
    'the bundle is of this cluster and program',
    equalBytes(bundle.cluster.genesisHash, chain.genesisHash) && equalBytes(bundle.cluster.programId, chain.programId),
  );
  const domain = makeDomain(chain);
  const requestId = requestIdOf(domain, bundle.request);
  check(
    'B-03',
    'the request is the one that was signed',
    equalBytes(requestId, ticket.requestId) &&
      equalBytes(bundle.request.modelId, dispatch.modelId) &&
      bundle.request.assurance === dispatch.assurance,
  );
  check('B-03', 'the model is the one that was paid for', equalBytes(modelIdOf(bundle.model), dispatch.modelId));
  const finished = (holds: boolean, pending = pendingOf(bundle, { chain, earns: true })): BundleVerdict => ({
    holds: holds && pending.length === 0 && checks.every((item) => item.holds),
    checks,
    pending,
    requestId,
    epoch,
  });
  if (
    !check('B-04', 'the dispatch lies in an epoch', epoch !== undefined, { slot: dispatch.slot }) ||
    epoch === undefined
  )
    return finished(false);
  checkGateway({ bundle, chain, epoch, check });
  const verdict = checkEntry(
    {
      domain,
      ...(options.verify === undefined ? {} : { verify: options.verify }),
      epochOf: () => epoch,
      gatewayIdentity: () => bundle.gateway.identity,
      chain: () => bundle.gateway,
      slotHash: () => bundle.slotHash,
      candidates: (key) =>
        bundle.candidates.epoch === key.epoch &&
        equalBytes(bundle.candidates.engineClass, key.engineClass) &&
        equalBytes(bundle.candidates.modelId, key.modelId)
          ? bundle.candidates.candidates
          : undefined,
      escrowGateway: chain.escrowGateway,
      model: () => bundle.model,
      listPrice: (dispatched) => parametersIn(chain, dispatched).listPriceLamports,
      clockToleranceMs: chain.offchain.clockToleranceMs,
    },
    entry,
  );
  check(
    'E-10',
    'signatures, assignment, seals, quorum and price hold',
    verdict.verdict === 'accept',
    verdict.verdict === 'accept' ? {} : { rule: verdict.rule, ...verdict.facts },
  );
  if (verdict.verdict !== 'accept') return finished(false);
  const agreed = verdict.entry.agreeing[0];
  check(
    'B-04',
    'the tokens are the ones that the workers agreed on',
    agreed !== undefined &&
      agreed.receipt.value.outputTokens === bundle.tokens.length &&
      equalBytes(
        outputHashOf(domain, {
          promptTokens: agreed.receipt.value.promptTokens,
          finishReason: agreed.body.finishReason,
          tokens: bundle.tokens,
        }),
        agreed.receipt.value.outputHash,
      ),
  );
  checkSetPlace({ bundle, chain, domain, check });
  // Shares and caps are those of the epoch that the entry counts in.
  const counted = parametersIn(chain, bundle.report?.epoch ?? epoch);
  const expected = creditsOf({ chain: counted, offchain: chain.offchain, domain }, verdict.entry);
  checkReportPlace({ bundle, chain, domain, expected, check });
  return finished(true, pendingOf(bundle, { chain, earns: expected.length > 0 }));
}

type Check = (rule: string, what: string, holds: boolean, facts?: BundleCheck['facts']) => boolean;

/** B-05: the gateway's identity and hash chain are the chain's. */
function checkGateway(options: {
  readonly bundle: Bundle;
  readonly chain: BundleChain;
  readonly epoch: bigint;
  readonly check: Check;
}): void {
  const { bundle, chain, epoch, check } = options;
  const { gateway } = bundle.entry.ticket.value;
  const identity = chain.gatewayIdentity(gateway, epoch);
  const committed = chain.chain(gateway, epoch);
  check(
    'B-05',
    'the gateway is registered and its identity signs for it',
    identity !== undefined && equalBytes(identity, bundle.gateway.identity),
    { gateway: toHex(gateway) },
  );
  check(
    'B-05',
    'the hash chain was committed before the epoch',
    committed !== undefined &&
      equalBytes(committed.commitment, bundle.gateway.commitment) &&
      committed.length === bundle.gateway.length,
    { epoch },
  );
}

/** B-06: the entry, its candidates and its slot hash stand under the manifest that validators attested. */
function checkSetPlace(options: {
  readonly bundle: Bundle;
  readonly chain: BundleChain;
  readonly domain: Domain;
  readonly check: Check;
}): void {
  const { bundle, chain, domain, check } = options;
  const { set, entry } = bundle;
  if (set === undefined) return;
  const account = chain.epoch(set.manifest.epoch);
  check(
    'B-06',
    'the manifest is the attested one',
    account !== undefined && equalBytes(account.manifestHash, manifestHashOf(domain, set.manifest)),
    { epoch: set.manifest.epoch },
  );
  const leaf = entryLeaf(domain, {
    epoch: set.manifest.epoch,
    entryHash: entryHashOf(entry),
    price: entry.outcome.value.price,
  });
  check(
    'B-06',
    'the entry stands in the receipt set',
    checkSumPathHash({
      leaf,
      index: set.entryIndex,
      count: set.manifest.entryCount,
      path: set.entryPath,
      root: set.manifest.receiptSetRoot,
    }),
  );
  check('B-06', 'the candidates are the manifest’s', groupReaches(domain, { group: bundle.candidates, set }));
  const slotLeaf = slotHashLeaf(domain, { slot: entry.dispatch.value.slot, slotHash: bundle.slotHash });
  check(
    'B-06',
    'the slot hash is the manifest’s',
    checkSumPathHash({
      leaf: slotLeaf,
      index: set.slotHashIndex,
      path: set.slotHashPath,
      root: set.manifest.slotHashesRoot,
    }),
  );
}

/** B-07: every agreeing worker, and nobody else, is credited by rule, under the report that validators voted for. */
function checkReportPlace(options: {
  readonly bundle: Bundle;
  readonly chain: BundleChain;
  readonly domain: Domain;
  /** What the agreeing workers earn by rule. */
  readonly expected: ReturnType<typeof creditsOf>;
  readonly check: Check;
}): void {
  const { bundle, chain, domain, expected, check } = options;
  const { report } = bundle;
  if (report === undefined) return;
  const account = chain.epoch(report.epoch);
  check(
    'B-07',
    'the report is the one with two thirds of the stake',
    account !== undefined && equalBytes(account.reportHash, reportHashOf(domain, report)),
    { epoch: report.epoch },
  );
  check(
    'B-07',
    'the set is reported in its epoch or a later one',
    bundle.set !== undefined && report.epoch >= bundle.set.manifest.epoch,
  );
  check(
    'B-07',
    'every agreeing worker is credited, and no other worker',
    expected.length === report.credits.length &&
      expected.every(({ worker }, i) => equalBytes(worker, report.credits[i]?.participant ?? new Uint8Array(0))),
  );
  for (const [i, place] of report.credits.entries()) {
    const rule = expected[i]?.credit;
    const worker = toHex(place.participant);
    const same =
      rule !== undefined &&
      equalBytes(rule.receiptHash, place.receiptHash) &&
      rule.owed === place.owed &&
      rule.karma.every((part, k) => part === place.karma[k]);
    check('K-07', 'the worker earned what the rule gives', same, { worker });
    const credit = {
      entryHash: entryHashOf(bundle.entry),
      receiptHash: place.receiptHash,
      karma: place.karma,
      owed: place.owed,
    };
    const inReceipts = checkSumPathHash({
      leaf: creditLeaf(domain, { epoch: report.epoch, credit }),
      index: place.creditIndex,
      path: place.creditPath,
      root: place.receiptsRoot,
    });
    check('T-04', 'the credit stands in the worker’s receipts', inReceipts, { worker });
    const lifetime = {
      index: place.participantIndex,
      participant: place.participant,
      karma: place.lifetimeKarma,
      owed: place.lifetimeOwed,
    };
    const leaf = lifetimeLeaf(domain, { epoch: report.epoch, lifetime, receiptsRoot: place.receiptsRoot });
    const inRoot = checkSumPathHash({
      leaf,
      index: place.participantIndex,
      count: report.report.participantCount,
      path: place.lifetimePath,
      root: report.report.root,
    });
    check('T-01', 'the worker’s lifetime stands under the root', inRoot, { worker });
  }
}

/** B-08: what the chain cannot confirm yet. Of an answer that earns its workers nothing, as one without a price, no report says anything. */
function pendingOf(
  bundle: Bundle,
  { chain, earns }: { readonly chain: BundleChain; readonly earns: boolean },
): readonly string[] {
  if (bundle.set === undefined)
    return ['The bundle does not say yet how its epoch was closed; fetch it again once the epoch is final.'];
  if (bundle.report === undefined && earns)
    return ['The bundle does not say yet how its epoch was reported; fetch it again once the epoch is final.'];
  const { epoch } = bundle.report ?? bundle.set.manifest;
  return chain.epoch(epoch)?.isFinalised === true ? [] : ['The epoch of this answer is not final yet.'];
}
