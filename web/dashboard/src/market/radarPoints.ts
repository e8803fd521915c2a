import { KARMA_PARTS } from '@karmesh/sdk/protocol';
import type { KarmaFacts } from './facts.ts';

export const CENTRE = 100;
export const RADIUS = 62;

/** Where a share of the axis of part `i` lies, the first axis upwards and the others clockwise. */
export function pointOn(i: number, share: number): { readonly x: number; readonly y: number } {
  const angle = (2 * Math.PI * i) / KARMA_PARTS.length - Math.PI / 2;
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    x: round(CENTRE + RADIUS * share * Math.cos(angle)),
    y: round(CENTRE + RADIUS * share * Math.sin(angle)),
  };
}

/** A worker's five parts as an SVG polygon; `most` reaches the rim. */
export function radarPoints(karma: KarmaFacts, most: bigint): string {
  return KARMA_PARTS.map((part, i) => {
    const { x, y } = pointOn(i, most === 0n ? 0 : Number((karma[part] * 1000n) / most) / 1000);
    return `${x},${y}`;
  }).join(' ');
}
