import type { KarmaPart } from '@karmesh/sdk/protocol';
import type { KarmaFacts } from './facts.ts';

const CENTRE = 100;
const RADIUS = 62;

/** What an answer earns stands together, so that its parts span an area. */
export const AXES = [
  'inference',
  'redundancy',
  'validation',
  'uptime',
  'seeding',
] as const satisfies readonly KarmaPart[];

/** Where a share of the axis of part `i` lies, the first axis upwards and the others clockwise. */
export function pointOn(i: number, share: number): { readonly x: number; readonly y: number } {
  const angle = (2 * Math.PI * i) / AXES.length - Math.PI / 2;
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    x: round(CENTRE + RADIUS * share * Math.cos(angle)),
    y: round(CENTRE + RADIUS * share * Math.sin(angle)),
  };
}

/** What share of `most` a part is, between 0 and 1. */
export function shareOf(value: bigint, most: bigint): number {
  return most === 0n ? 0 : Number((value * 1000n) / most) / 1000;
}

/** A worker's five parts as an SVG polygon; `most` reaches the rim. */
export function radarPoints(karma: KarmaFacts, most: bigint): string {
  return AXES.map((part, i) => {
    const { x, y } = pointOn(i, shareOf(karma[part], most));
    return `${x},${y}`;
  }).join(' ');
}
