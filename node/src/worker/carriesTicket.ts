import type { SessionOutcome } from './inferSession.ts';

/** Rules that a dispatch breaks if it has no ticket that a gateway would be held to: its own number, its escrow, its draw. */
const TICKET_RULES: ReadonlySet<string> = new Set(['W-08', 'W-09', 'W-11']);

/** Whether what was asked carried a ticket that held. One that did is bounded by the worker's queue, all else by how often its peer may ask (N-12). */
export function carriesTicket(outcome: SessionOutcome): boolean {
  if (outcome.kind === 'violation') return false;
  return outcome.kind !== 'refused' || !TICKET_RULES.has(outcome.rule);
}
