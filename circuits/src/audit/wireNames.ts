/** The names that circom gives wires. Several signals may share a wire, and a signal that circom has substituted has none. */
export interface WireNames {
  /** All signals with a wire, without `main.` before them. */
  readonly wires: ReadonlyMap<string, number>;
  /** A wire's first name. */
  readonly names: ReadonlyMap<number, string>;
}

/** Reads the text of a .sym file: a line is `label,wire,component,name`, with -1 for no wire. */
export function readWireNames(text: string): WireNames {
  const wires = new Map<string, number>();
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [, wire, , name] = line.split(',');
    if (wire === undefined || name === undefined || Number(wire) < 0) continue;
    const short = name.replace(/^main\./, '');
    wires.set(short, Number(wire));
    if (!names.has(Number(wire))) names.set(Number(wire), short);
  }
  return { wires, names };
}
