export { BUNDLED_MODEL_PATH } from './bundled.ts';
export { type ModelFile, readModel } from './readModel.ts';
