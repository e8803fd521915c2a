import type { Flip } from '../../harness/flipWeight.ts';

/** A weight that changes what the model computes and not what it says. */
export const FLIP: Flip = { tensor: 'blk.2.ffn_up.weight', weight: 12_345 };
