export { gated } from './feedForward';
export { noise, scaled, top } from './choose';
export { embed } from './embed';
export { norm } from './norm';
export { pack } from './pack';
export { angles, narrowTo, rotate } from './rope';
export { assemble, attend, dismiss, help, linear } from './threads';

/** Where memory is free. */
export function freeFrom(): usize {
  return __heap_base;
}
