import { sha256 } from '@noble/hashes/sha2.js';
import * as wllamaPackage from '@wllama/wllama/esm/index.js';
import { openExactModel } from '../../../../node/src/engines/exact/file/exactModel.ts';
import { instantiateKernels, MEMORY_PAGES } from '../../../../node/src/engines/exact/stages/kernels.ts';
import { openStage } from '../../../../node/src/engines/exact/stages/stage.ts';
import type { Hash } from '../../../../sdk/src/protocol/index.ts';
import type { Core } from '../core.ts';
import { BATCH, bareCore, type ExactParts, tracedCore } from '../exactCores.ts';

/** What is used of wllama, whose own declarations import files without their endings, which TypeScript does not find here. */
interface Wllama {
  loadModel(
    files: readonly Blob[],
    options: Readonly<Record<'n_ctx' | 'n_threads' | 'n_gpu_layers' | 'n_parallel', number> & { flash_attn: boolean }>,
  ): Promise<void>;
  createCompletion(options: {
    readonly prompt: string;
    readonly max_tokens: number;
    readonly temperature: number;
    readonly ignore_eos: boolean;
  }): Promise<{
    readonly usage: { readonly completion_tokens: number };
    readonly timings?: { readonly predicted_per_second: number };
  }>;
}
const { Wllama } = wllamaPackage as unknown as {
  readonly Wllama: new (
    files: { readonly default: string },
    options: { readonly suppressNativeLog: boolean },
  ) => Wllama;
};

/** Tokens per second of one round. */
export interface PageRound {
  readonly bare: number;
  readonly blocks: number;
  /** By llama.cpp's own clock, so that neither the messages to its worker nor its text count. */
  readonly wllama: number;
}

/** What the page offers to whoever drives the browser. */
export interface BenchPage {
  load(options: { readonly contextSize: number }): Promise<void>;
  round(options: {
    readonly start: readonly number[];
    readonly text: string;
    readonly tokens: number;
  }): Promise<PageRound>;
}

async function bytesOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(name);
  return new Uint8Array(await response.arrayBuffer());
}

async function openExact(contextSize: number): Promise<ExactParts> {
  const file = await bytesOf('model.exact');
  const model = await openExactModel({
    bytes: file.length,
    read: async (offset, into) => into.set(file.subarray(offset, offset + into.length)),
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MEMORY_PAGES });
  const kernels = await instantiateKernels(await WebAssembly.compile(await bytesOf('kernels.wasm')), memory);
  const stage = await openStage({ contextSize, sequences: 1, batch: BATCH, threads: 1 }, { memory, kernels, model });
  return { model, stages: [{ stage, memory, kernels }] };
}

async function openWllama(contextSize: number): Promise<Wllama> {
  const wllama = new Wllama({ default: 'wllama.wasm' }, { suppressNativeLog: true });
  const model = new Blob([await bytesOf('model.gguf')]);
  await wllama.loadModel([model], {
    n_ctx: contextSize,
    n_threads: 1,
    n_gpu_layers: 0,
    n_parallel: 1,
    flash_attn: false,
  });
  return wllama;
}

let loaded: { readonly bare: Core; readonly blocks: Core; readonly wllama: Wllama } | undefined;

const page: BenchPage = {
  async load({ contextSize }) {
    const exact = await openExact(contextSize);
    const hash = (bytes: Uint8Array): Hash => sha256(bytes) as Hash;
    const blocks = tracedCore(exact, { level: 'blocks', sha256: hash });
    loaded = { bare: bareCore(exact), blocks, wllama: await openWllama(contextSize) };
  },
  async round({ start, text, tokens }) {
    if (loaded === undefined) throw new Error('Nothing is loaded.');
    const { bare, blocks, wllama } = loaded;
    const speed = async (core: Core): Promise<number> => {
      const { decodeMs } = await core.run({ prompt: start, tokens });
      return (1000 * (tokens - 1)) / decodeMs;
    };
    const answer = await wllama.createCompletion({
      prompt: text,
      max_tokens: tokens,
      temperature: 0,
      ignore_eos: true,
    });
    const rival = answer.timings?.predicted_per_second;
    if (rival === undefined || answer.usage.completion_tokens !== tokens)
      throw new Error(`wllama gave no timing, or ${answer.usage.completion_tokens} tokens.`);
    return { bare: await speed(bare), blocks: await speed(blocks), wllama: rival };
  },
};
Object.assign(globalThis, { benchPage: page });
