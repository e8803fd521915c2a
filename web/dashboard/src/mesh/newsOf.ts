import { shortOf } from '../page/shortOf.ts';
import type { MeshChange, MeshPeer, PeerRole } from './meshFacts.ts';

/** More changes than these at once are told by number. */
const MAX_SENTENCES = 2;

const ROLE_NAMES = new Map<PeerRole, string>([
  ['worker', 'worker'],
  ['validator', 'validator'],
  ['gateway', 'gateway'],
  [null, 'unknown peer'],
]);

export function roleName(role: PeerRole): string {
  return ROLE_NAMES.get(role) ?? 'peer';
}

export function nameOf({ identity, participant }: Pick<MeshPeer, 'identity' | 'participant'>): string {
  return shortOf(participant ?? identity);
}

/** One change as a sentence. */
export function sentenceOfChange(change: MeshChange): string {
  const name = `${capital(roleName(change.role))} ${nameOf(change)}`;
  if (change.isConnected) return `${name} is connected.`;
  return `${name} was lost: ${change.lost?.reason ?? 'nobody knows why.'}`;
}

/** What has happened in words that can be heard in a breath: few changes one by one, many by their number. */
export function newsOf(changes: readonly MeshChange[]): string {
  if (changes.length <= MAX_SENTENCES) return changes.map(sentenceOfChange).join(' ');
  return [
    ['Lost', changes.filter(({ isConnected }) => !isConnected)] as const,
    ['Connected', changes.filter(({ isConnected }) => isConnected)] as const,
  ]
    .flatMap(([what, some]) => {
      const peers = [...ROLE_NAMES].flatMap(([role, name]) => {
        const count = some.filter((each) => each.role === role).length;
        return count === 0 ? [] : [`${count} ${name}${count === 1 ? '' : 's'}`];
      });
      return peers.length === 0 ? [] : [`${what}: ${peers.join(' and ')}.`];
    })
    .join(' ');
}

function capital(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}
