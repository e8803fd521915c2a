import type { Idl } from '@coral-xyz/anchor';
import source from '../../../programs/karma/idl.json' with { type: 'json' };

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Renames fields as Anchor's `Program` does, so that its coder takes and gives the names of docs/protocol.md. */
function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      (key === 'name' || key === 'path') && typeof inner === 'string' ? camelCase(inner) : renamed(inner),
    ]),
  );
}

/** programs/karma/idl.json with camel-case names. Everything that this folder encodes or decodes follows it. */
export const idl: Idl = renamed(source) as Idl;
