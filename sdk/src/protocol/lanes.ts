import { KarmeshError } from '../errors.ts';

/**
 * L-01: the six lanes, from the dearest to the cheapest; a ticket's `lane` (F-20) is the index here. `priceTenths` is what a lane makes of
 * the list price, in tenths; `weight` is its share of all starts while every lane has somebody waiting.
 */
export const LANES = [
  { name: 'master', priceTenths: 80, weight: 32 },
  { name: 'diamond', priceTenths: 50, weight: 16 },
  { name: 'platinum', priceTenths: 30, weight: 8 },
  { name: 'gold', priceTenths: 20, weight: 4 },
  { name: 'silver', priceTenths: 14, weight: 2 },
  { name: 'bronze', priceTenths: 10, weight: 1 },
] as const;

export type LaneName = (typeof LANES)[number]['name'];
export type LaneTerms = (typeof LANES)[number];

/** The lane of those who ask for none. */
export const BRONZE = 5;

/** The number of a lane, as tickets have it. */
export function laneNumber(name: LaneName): number {
  return LANES.findIndex((lane) => lane.name === name);
}

/**
 * Name, price and weight of a lane by its number.
 *
 * @throws KarmeshError `BAD_ARGUMENT` if there is none.
 */
export function laneTerms(lane: number): LaneTerms {
  const terms = LANES[lane];
  if (terms === undefined)
    throw new KarmeshError('BAD_ARGUMENT', 'There is no such lane.', { lane, lanes: LANES.length });
  return terms;
}
