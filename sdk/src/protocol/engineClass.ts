import { type Decoded, encode, struct, text } from './codec.ts';
import { hash } from './hash.ts';
import type { EngineClassId } from './ids.ts';

/** F-13: what decides the last bits of an engine's arithmetic. Replicas of one answer come from one class, where outputs must be equal. */
export const engineClassCodec = struct({
  engine: text(64),
  build: text(128),
  cpuKernel: text(64),
  settings: text(512),
});
export type EngineClass = Decoded<typeof engineClassCodec>;

const TAG = new TextEncoder().encode('karmesh:engine-class');

/** F-13: `engineClassId = H("karmesh:engine-class" || engine, build, cpuKernel, settings)`. */
export function engineClassIdOf(engineClass: EngineClass): EngineClassId {
  return hash(TAG, encode(engineClassCodec, engineClass));
}
