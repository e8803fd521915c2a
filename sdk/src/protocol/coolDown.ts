import type { ChainParameters } from './parameters.ts';

/** Units on their way out of a stake, as its account has them. */
export interface LeavingUnits {
  /** Of the last request, those that were paid out among them. */
  readonly unbondingUnits: bigint;
  readonly releasedUnits: bigint;
  readonly unbondingFromSlot: bigint;
}

type CoolDown = Pick<ChainParameters, 'slotsPerEpoch' | 'evidenceEpochs' | 'coolDownEpochs'>;

function periodsOf({ slotsPerEpoch, evidenceEpochs, coolDownEpochs }: CoolDown) {
  const held = evidenceEpochs * slotsPerEpoch;
  const whole = coolDownEpochs * slotsPerEpoch;
  return { held, whole, leavesOver: whole - held };
}

/** P-30: how many of the units that were not paid out may leave by a slot. */
export function unitsFree(leaving: LeavingUnits, parameters: CoolDown, slot: bigint): bigint {
  const { unbondingUnits, releasedUnits, unbondingFromSlot } = leaving;
  const { held, whole, leavesOver } = periodsOf(parameters);
  const passed = slot - unbondingFromSlot;
  const free = passed >= whole ? unbondingUnits : passed <= held ? 0n : (unbondingUnits * (passed - held)) / leavesOver;
  return free > releasedUnits ? free - releasedUnits : 0n;
}

/** P-30: the first slot in which a unit more may leave than was paid out, and the first in which all may. Undefined if nothing is on its way. */
export function freeSlots(
  leaving: LeavingUnits,
  parameters: CoolDown,
): { readonly first: bigint; readonly all: bigint } | undefined {
  const { unbondingUnits, releasedUnits, unbondingFromSlot } = leaving;
  if (unbondingUnits <= releasedUnits) return undefined;
  const { held, whole, leavesOver } = periodsOf(parameters);
  const wait = ((releasedUnits + 1n) * leavesOver + unbondingUnits - 1n) / unbondingUnits;
  return { first: unbondingFromSlot + held + wait, all: unbondingFromSlot + whole };
}
