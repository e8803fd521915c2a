import { type ChainView, type KeysName, NONE, type ProgramClient } from '@karmesh/sdk/program';
import { toHex } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';

/** Slots between two looks: admission is a matter of epochs. */
const EVERY_SLOTS = 5n;

/** P-23: whether validators have admitted keys. It asks until they have, since what is admitted stays so. */
export interface KeysAdmission extends AsyncDisposable {
  readonly isAdmitted: () => boolean;
}

/** The caller disposes it. A chain that cannot be asked is asked again. */
export function watchAdmission(
  keys: KeysName,
  parts: {
    readonly view: Pick<ChainView, 'onSlot' | 'slot'>;
    readonly client: Pick<ProgramClient, 'modelKeys'>;
    readonly log: Pick<Logger, 'info' | 'warn'>;
  },
): KeysAdmission {
  const { view, client, log } = parts;
  const stop = new AbortController();
  const about = { modelId: toHex(keys.modelId), keysRoot: toHex(keys.keysRoot) };
  let isAdmitted = false;
  let isDown = false;
  let asking: Promise<void> | undefined;
  let askedSlot: bigint | undefined;

  async function ask(): Promise<void> {
    try {
      const account = await client.modelKeys(keys, { signal: stop.signal });
      isDown = false;
      isAdmitted = account !== undefined && account.admittedEpoch !== NONE;
      if (!isAdmitted) return;
      leave();
      log.info(about, 'Validators have admitted the keys: requests for proofs are taken.');
    } catch (err) {
      // Said once for as long as it lasts.
      if (!stop.signal.aborted && !isDown)
        log.warn({ err, ...about }, 'Whether the keys are admitted could not be asked.');
      isDown = true;
    }
  }
  const look = (): void => {
    const slot = view.slot();
    if (asking !== undefined || (askedSlot !== undefined && slot < askedSlot + EVERY_SLOTS)) return;
    askedSlot = slot;
    asking = ask().finally(() => {
      asking = undefined;
    });
  };
  const leave = view.onSlot(look);
  look();
  return {
    isAdmitted: () => isAdmitted,
    async [Symbol.asyncDispose]() {
      stop.abort();
      leave();
      await asking;
    },
  };
}
