export type * from './engine.ts';
export { type LlamaEngineOptions, llamaEngine } from './llama/llamaEngine.ts';
