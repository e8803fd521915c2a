import { decayKarma, type KarmaVector } from './karma.ts';
import type { ChainParameters } from './parameters.ts';

type HalfLives = Pick<
  ChainParameters,
  | 'inferenceHalfLifeSlots'
  | 'seedingHalfLifeSlots'
  | 'uptimeHalfLifeSlots'
  | 'redundancyHalfLifeSlots'
  | 'validationHalfLifeSlots'
>;

/** K-06 for an account: its five parts, in micro-karma, as they have decayed by `slot`. */
export function karmaAt(
  account: { readonly karma: KarmaVector; readonly karmaSlot: bigint },
  now: { readonly slot: bigint; readonly parameters: HalfLives },
): KarmaVector {
  const { karma, karmaSlot } = account;
  const { parameters, slot } = now;
  const elapsedSlots = slot > karmaSlot ? slot - karmaSlot : 0n;
  const decayed = (part: bigint, halfLifeSlots: bigint): bigint => decayKarma(part, { elapsedSlots, halfLifeSlots });
  return [
    decayed(karma[0], parameters.inferenceHalfLifeSlots),
    decayed(karma[1], parameters.seedingHalfLifeSlots),
    decayed(karma[2], parameters.uptimeHalfLifeSlots),
    decayed(karma[3], parameters.redundancyHalfLifeSlots),
    decayed(karma[4], parameters.validationHalfLifeSlots),
  ];
}
