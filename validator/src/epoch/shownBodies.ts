import type { BodyReference } from '@karmesh/sdk/protocol';
import type { ChainReader } from '../chain/chainReader.ts';
import type { StoredKind } from '../store/bodyIndex.ts';
import type { Store } from '../store/openStore.ts';

type SeenChain = Pick<ChainReader, 'config' | 'epochs'>;

/** V-18: whether peers may have a body. A report that can still be sealed would be sealed by who tallied nothing. */
export function isShown(
  chain: SeenChain,
  { epoch, kind }: { readonly epoch: bigint; readonly kind: StoredKind },
): boolean {
  return kind !== 'report' || !takesSeals(chain, epoch);
}

/** V-18: the bodies of an epoch that peers are told of. */
export function shownBodies(
  { chain, store }: { readonly chain: SeenChain; readonly store: Pick<Store, 'bodiesOf'> },
  epoch: bigint,
): readonly BodyReference[] {
  return store.bodiesOf(epoch).filter(({ kind }) => isShown(chain, { epoch, kind }));
}

/** P-17: whether the chain may yet take a seal of the epoch: until two thirds have revealed one report, or a later epoch is final. What the chain has not shown counts as yes. */
function takesSeals(chain: SeenChain, epoch: bigint): boolean {
  const { lastFinalisedEpoch } = chain.config();
  if (lastFinalisedEpoch !== undefined && epoch <= lastFinalisedEpoch) return false;
  const state = chain.epochs().find((account) => account.epoch === epoch)?.state;
  return state !== 'reported' && state !== 'finalised';
}
