import { KarmeshError } from '@karmesh/sdk/errors';
import {
  checkChainPreimage,
  checkRecord,
  type Dispatch,
  dispatchRecord,
  drawSeed,
  drawWorkers,
  type EngineClassId,
  equalBytes,
  type Hash,
  type Identity,
  type InferenceRequest,
  type ModelId,
  priceLamports,
  REPLICAS,
  type RefusalReason,
  requestIdOf,
  type Signed,
  SPARE_AGE_FACTOR,
  type Ticket,
  ticketRecord,
  unitPriceOf,
} from '@karmesh/sdk/protocol';
import type { WorkerChain } from './workerChain.ts';

export interface DispatchFrame {
  readonly ticket: Signed<Ticket>;
  readonly dispatch: Signed<Dispatch>;
  readonly request: InferenceRequest;
}

/** What a worker can run. */
export interface Offer {
  readonly modelId: ModelId;
  readonly engineClass: EngineClassId;
  readonly activeParameters: bigint;
  readonly contextSize: number;
  /** Throws if the engine cannot run the request: its temperature, or a conversation that has no form in the model's template. */
  readonly countPrompt: (request: InferenceRequest) => number;
}

/** A dispatch that this worker was drawn for. */
export interface CheckedDispatch extends DispatchFrame {
  readonly dispatchHash: Hash;
  readonly epoch: bigint;
  readonly promptTokens: number;
  /** The drawn workers in order, whose seals may come. */
  readonly drawn: readonly { readonly participant: Uint8Array; readonly identity: Identity }[];
}

/**
 * `refuse` is answered by a signed refusal. `violation` is not: what is wrong lies outside of what the dispatch's hash covers, and a
 * signed refusal would let a gateway skip a drawn worker by sending it something false beside a true dispatch.
 */
export type DispatchVerdict =
  | { readonly verdict: 'accept'; readonly checked: CheckedDispatch }
  | { readonly verdict: 'refuse'; readonly rule: string; readonly reason: RefusalReason; readonly dispatchHash: Hash }
  | { readonly verdict: 'violation'; readonly rule: string };

/** W-05 to W-12: judges a dispatch by what the chain says. Capacity (W-13) is the caller's. */
export function checkDispatch(
  chain: WorkerChain,
  options: { readonly frame: DispatchFrame; readonly offer: Offer },
): DispatchVerdict {
  const { frame, offer } = options;
  const ticket = frame.ticket.value;
  const dispatch = frame.dispatch.value;
  const { domain, verify } = chain;
  const dispatchHash = dispatchRecord.hash(domain, dispatch);
  const refuse = (rule: string, reason: RefusalReason): DispatchVerdict => ({
    verdict: 'refuse',
    rule,
    reason,
    dispatchHash,
  });
  // W-05
  const epoch = chain.epochOf(dispatch.slot);
  const gateway = epoch === undefined ? undefined : chain.gatewayIdentity(ticket.gateway, epoch);
  if (epoch === undefined || gateway === undefined) return { verdict: 'violation', rule: 'W-05' };
  const signer = { domain, identity: gateway, ...(verify === undefined ? {} : { verify }) };
  const isAuthentic =
    checkRecord(ticketRecord, signer, frame.ticket) &&
    checkRecord(dispatchRecord, signer, frame.dispatch) &&
    equalBytes(dispatch.ticketHash, ticketRecord.hash(domain, ticket));
  if (!isAuthentic) return { verdict: 'violation', rule: 'W-05' };
  // W-06
  const isSameRequest =
    equalBytes(requestIdOf(domain, frame.request), ticket.requestId) &&
    equalBytes(frame.request.modelId, dispatch.modelId) &&
    frame.request.assurance === dispatch.assurance;
  if (!isSameRequest) return { verdict: 'violation', rule: 'W-06' };
  // W-07
  if (!equalBytes(dispatch.modelId, offer.modelId) || !equalBytes(dispatch.engineClass, offer.engineClass))
    return refuse('W-07', 'model-not-loaded');
  // W-10
  const newest = chain.slot();
  const slotHash = chain.slotHash(dispatch.slot);
  const maxAge = chain.offchain.dispatchMaxAgeSlots;
  if (slotHash === undefined || dispatch.slot + maxAge * SPARE_AGE_FACTOR < newest)
    return refuse('W-10', 'dispatch-too-old');
  // W-11
  const commitment = chain.chain(ticket.gateway, epoch);
  const { preimage, dispatchNumber } = dispatch;
  if (commitment === undefined || !checkChainPreimage({ ...commitment, preimage, dispatchNumber }))
    return refuse('W-11', 'bad-ticket');
  const candidates = chain.candidates({ epoch, engineClass: dispatch.engineClass, modelId: dispatch.modelId }) ?? [];
  const drawn = drawWorkers({ seed: drawSeed({ slotHash, preimage, dispatchNumber }), candidates });
  const place = drawn.findIndex(({ participant }) => equalBytes(participant, chain.participant));
  if (place < 0) return refuse('W-11', 'not-drawn');
  // W-10: whoever is asked after a silence or a split is asked late.
  if (place < REPLICAS && dispatch.slot + maxAge < newest) return refuse('W-10', 'dispatch-too-old');
  return checkWork(chain, { ...options, refuse, checked: { ...frame, dispatchHash, epoch, drawn } });
}

/** W-09 and W-12: the answer can be paid for, and the request can be run. */
function checkWork(
  chain: WorkerChain,
  options: {
    readonly offer: Offer;
    readonly checked: Omit<CheckedDispatch, 'promptTokens'>;
    readonly refuse: (rule: string, reason: RefusalReason) => DispatchVerdict;
  },
): DispatchVerdict {
  const { offer, checked, refuse } = options;
  const { request } = checked;
  // W-12
  if (request.maxTokens < 1 || request.messages.length === 0) return refuse('W-12', 'bad-request');
  let promptTokens: number;
  try {
    promptTokens = offer.countPrompt(request);
  } catch (error) {
    // The engine says why in its own words; the gateway learns that this conversation cannot be run.
    const isTooLong = error instanceof KarmeshError && error.code === 'CONTEXT_OVERFLOW';
    return refuse('W-12', isTooLong ? 'context-overflow' : 'bad-request');
  }
  if (promptTokens >= offer.contextSize) return refuse('W-12', 'context-overflow');
  // W-09
  const { escrow, gateway, priceCap } = checked.ticket.value;
  const escrowGateway = chain.escrowGateway(escrow);
  const available = chain.escrowAvailable(escrow) ?? 0n;
  const longest = priceLamports({
    unitPrice: unitPriceOf(checked.ticket.value, chain.listPrice(checked.epoch)),
    activeParameters: offer.activeParameters,
    promptTokens,
    outputTokens: Math.min(request.maxTokens, offer.contextSize - promptTokens),
  });
  const owed = longest < priceCap ? longest : priceCap;
  if (escrowGateway === undefined || !equalBytes(escrowGateway, gateway) || available < owed)
    return refuse('W-09', 'bad-ticket');
  return { verdict: 'accept', checked: { ...checked, promptTokens } };
}
