import { KarmeshError } from '@karmesh/sdk/errors';
import type { LlamaModel } from 'node-llama-cpp';
import { useLlama } from './llamaProcess.ts';

/** llama.cpp's tokenizer of a model file, without the weights. Throws `MODEL_INVALID`, `ENGINE_FAILED`. */
export async function openVocabulary(modelPath: string): Promise<{ readonly model: LlamaModel } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const { llama } = stack.use(await useLlama({ gpu: false }));
  const model = stack.use(
    await llama.loadModel({ modelPath, vocabOnly: true, gpuLayers: 0 }).catch((cause: unknown) => {
      throw new KarmeshError('MODEL_INVALID', 'llama.cpp cannot read the vocabulary of the model file.', {}, cause);
    }),
  );
  const parts = stack.move();
  return { model, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}
