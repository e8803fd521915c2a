/** Compute units by instruction and by the case that was measured, such as `worst` or `depth 20`. */
export type UnitTable = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** How far a measured number may lie from that of the table, since another compiler or layout moves each by a few. */
export interface UnitTolerance {
  readonly units: number;
  /** Hundredths of the table's number; the larger of both counts. */
  readonly percent: number;
}

/** A sentence for each case that is missing, unknown, or further from the table than it may be, in either direction. */
export function compareUnits(
  { table, measured }: { readonly table: UnitTable; readonly measured: UnitTable },
  tolerance: UnitTolerance,
): readonly string[] {
  const faults: string[] = [];
  for (const [name, expected] of casesOf(table)) {
    const found = casesOf(measured).get(name);
    if (found === undefined) {
      faults.push(`${name} is in the table and was not measured.`);
      continue;
    }
    const allowed = Math.max(tolerance.units, Math.floor((expected * tolerance.percent) / 100));
    if (found > expected + allowed) faults.push(`${name} takes ${found} compute units, ${expected} in the table.`);
    if (found < expected - allowed) {
      faults.push(
        `${name} takes only ${found} compute units, ${expected} in the table: keep the gain by UPDATE_COMPUTE_UNITS=1.`,
      );
    }
  }
  for (const [name] of casesOf(measured)) {
    if (!casesOf(table).has(name)) faults.push(`${name} is not in the table: add it by UPDATE_COMPUTE_UNITS=1.`);
  }
  return faults;
}

function casesOf(table: UnitTable): ReadonlyMap<string, number> {
  return new Map(
    Object.entries(table).flatMap(([instruction, cases]) =>
      Object.entries(cases).map(([name, units]) => [`${instruction} (${name})`, units] as const),
    ),
  );
}
