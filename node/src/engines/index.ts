export type * from './engine.ts';
export { type ExactEngine, type ExactEngineOptions, exactEngine } from './exact/exactEngine.ts';
export { type ExactModelFile, type ExactModelFileOptions, exactModelFile } from './exact/file/exactModelFile.ts';
export { type LlamaEngineOptions, llamaEngine } from './llama/llamaEngine.ts';
export { type OpenaiEngineOptions, openaiEngine } from './openai/openaiEngine.ts';
