import type { Key } from '../model/ledger.ts';
import { labelOf } from './cast.ts';
import type { Sent } from './machine.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';

/** One step of a sequence: a transaction, slots that pass, or lamports that a stranger puts on an address. */
export type Step =
  | { readonly kind: 'send'; readonly sent: Sent }
  | { readonly kind: 'slot'; readonly to: bigint }
  | { readonly kind: 'gift'; readonly to: Key; readonly lamports: bigint };

/** Something that somebody could do now, if there is something. */
export type Idea = (stage: Stage, random: Random) => Step | undefined;

export function send(
  name: Sent['name'],
  accounts: readonly Key[],
  of: { readonly signs?: readonly Key[]; readonly args?: Sent['args'] } & Pick<Sent, 'signed' | 'precompile'> = {},
): Step {
  const { signs = [], args = {}, ...rest } = of;
  return { kind: 'send', sent: { name, accounts, signs, args, ...rest } };
}

export function toSlot(to: bigint): Step {
  return { kind: 'slot', to };
}

/** One line for a person. */
export function textOf(step: Step): string {
  if (step.kind === 'slot') return `slot ${step.to}`;
  if (step.kind === 'gift') return `a stranger sends ${step.lamports} to ${labelOf(step.to)}`;
  const { name, accounts, signs, args, stretch } = step.sent;
  const shown = Object.entries(args).map(([key, value]) => `${key}=${shortOf(value)}`);
  const stretched = stretch === undefined ? '' : ` ${stretch > 0 ? '+' : ''}${stretch} bytes`;
  return `${name}(${accounts.map(labelOf).join(', ')}) by ${signs.map(labelOf).join(', ')}: ${shown.join(' ')}${stretched}`;
}

function shortOf(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, 8);
  if (Array.isArray(value)) return `[${value.map(shortOf).join(' ')}]`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'object' && value !== null) return `{${Object.values(value).map(shortOf).join(' ')}}`;
  return String(value);
}
