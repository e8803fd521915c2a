import type { WorkerHealthFacts } from './facts.ts';

const RESTS: ReadonlyMap<string, string> = new Map([
  ['outside-hours', 'rests outside of its hours'],
  ['on-battery', 'rests until its machine has more power'],
  ['over-memory', 'rests until it uses less memory'],
]);

/** What a worker says of itself, for people who cannot check it. */
export function sayingOf(health: WorkerHealthFacts): string {
  const rest = RESTS.get(health.state);
  if (rest !== undefined) return `By its own word it ${rest}.`;
  const { active, waiting, maxActive, milliTokensPerSecond } = health;
  const queue = waiting === 0 ? '' : `, ${waiting} more wait`;
  const tokens = Number(milliTokensPerSecond) / 1000;
  const pace =
    tokens === 0 ? '' : `, and gives each ${tokens < 10 ? tokens.toFixed(1) : Math.round(tokens)} tokens a second`;
  return `By its own word it runs ${active} of at most ${maxActive} requests${queue}${pace}.`;
}
