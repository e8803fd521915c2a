/** P-01: least and most of each parameter (programs/karma/src/state/bounds.rs), in the protocol's order. */
const BOUNDS: readonly (readonly [least: bigint, most: bigint])[] = [
  [64n, 1n << 24n],
  [0n, 1n << 16n],
  [1n, 1n << 16n],
  [1n, 1n << 16n],
  [2n, 1n << 16n],
  [0n, 1n << 20n],
  [0n, 1n << 20n],
  [1n, 10n ** 12n],
  [1n, 10n ** 14n],
  [1n, 10n ** 14n],
  [5_000n, 9_500n],
  [100n, 2_000n],
  [0n, 1n << 32n],
  [0n, 1n << 40n],
  [0n, 1n << 40n],
  [0n, 1n << 40n],
  [64n, 1n << 40n],
  [64n, 1n << 40n],
  [64n, 1n << 40n],
  [64n, 1n << 40n],
  [64n, 1n << 40n],
  [1n, 1n << 50n],
  [0n, 2_000n],
  [0n, 2_000n],
  [0n, 2_000n],
  [2n, 4_096n],
  [0n, 63n],
  [0n, 1_024n],
  [100n, 10_000n],
  [0n, 10_000n],
  [0n, 10_000n],
  [0n, 10_000n],
  [0n, 2_000n],
  [0n, 5_000n],
  [1_000n, 10_000n],
  [1n, 4_096n],
  [0n, 1n << 50n],
  [0n, (1n << 64n) - 1n],
  [8n, 1n << 20n],
  [0n, 10n ** 12n],
];

function inBounds(place: number, value: bigint): boolean {
  const bounds = BOUNDS[place];
  return bounds !== undefined && bounds[0] <= value && value <= bounds[1];
}

/** P-36: true if a vote may give the parameter this value. The length of an epoch is for good. */
export function isVotable(place: number, value: bigint): boolean {
  return place !== 0 && inBounds(place, value);
}

/** P-01: true if the parameters lie in their bounds and fit each other. */
export function fitTogether(parameters: readonly bigint[]): boolean {
  const of = (place: number): bigint => parameters[place] ?? 0n;
  return (
    parameters.every((value, place) => inBounds(place, value)) &&
    of(3) < of(4) &&
    of(27) < of(25) &&
    of(26) < of(25) &&
    of(32) + of(33) <= 10_000n &&
    of(10) + of(11) + of(22) + of(23) + of(24) <= 10_000n
  );
}
