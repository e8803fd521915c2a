export { BUNDLED_KEYS_PATH, BUNDLED_MODEL_PATH } from './bundled.ts';
export { isSameKeys, type ModelKeys, modelKeyTree, readModelKeys, writeModelKeys } from './modelKeys.ts';
export { type ModelFile, readModel } from './readModel.ts';
