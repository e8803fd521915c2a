const STEPS = [
  { unit: 'h', ms: 3_600_000 },
  { unit: 'min', ms: 60_000 },
  { unit: 's', ms: 1_000 },
] as const;

/** A length of time in its largest unit: `12 s`, `3 min`. */
export function durationOf(ms: number): string {
  const { unit, ms: size } = STEPS.find((step) => ms >= step.ms) ?? STEPS[2];
  return `${Math.max(0, Math.floor(ms / size))} ${unit}`;
}
