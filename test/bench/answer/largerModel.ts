import { type RandomModelShape, writeRandomModel } from '../randomModel.ts';

/** The shape of a small model that people run (76 million weights beside the vocabulary), where a token costs milliseconds. */
const SHAPE: RandomModelShape = { width: 768, blocks: 12, heads: 12, keyHeads: 4, headSize: 64, hidden: 2048 };

/** Writes such a model of random weights with the tokenizer of `original`. Returns how many weights it has. */
export function writeLargerModel(path: string, original: string): Promise<number> {
  return writeRandomModel(path, original, SHAPE);
}
