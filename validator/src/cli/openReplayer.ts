import { type Engine, llamaEngine } from '@karmesh/node/engines';
import { type ModelFile, readModel } from '@karmesh/node/models';
import { KarmeshError } from '@karmesh/sdk/errors';
import { toHex } from '@karmesh/sdk/protocol';
import type { Replayer } from '../audit/judgeAnswer.ts';

/**
 * Replays answers of the models in these files. A model is read and hashed at once, and loaded when its first answer is audited:
 * most of the time a validator audits nothing.
 */
export async function openReplayer(
  options: { readonly models: readonly string[]; readonly threads: number },
  { signal }: { readonly signal: AbortSignal },
): Promise<Replayer & AsyncDisposable> {
  const files = new Map<string, ModelFile>();
  for (const path of options.models) {
    const file = await readModel(path, { signal });
    files.set(toHex(file.modelId), file);
  }
  const engines = new Map<string, Promise<Engine>>();
  const engineOf = (file: ModelFile): Promise<Engine> => {
    const key = toHex(file.modelId);
    const opening =
      engines.get(key) ?? llamaEngine({ modelPath: file.path, threads: options.threads, sequences: 2 }, { signal });
    engines.set(key, opening);
    // A model that failed to load is tried again with the next audit.
    opening.catch(() => engines.delete(key));
    return opening;
  };
  return {
    model(modelId) {
      const file = files.get(toHex(modelId));
      return file === undefined ? undefined : { activeParameters: file.manifest.activeParameters };
    },
    async replay({ requestId, request, tokens, finishReason }, call) {
      const file = files.get(toHex(request.modelId));
      if (file === undefined) {
        throw new KarmeshError('MODEL_UNKNOWN', 'The answer is of a model that this validator does not have.', {
          modelId: toHex(request.modelId),
        });
      }
      const { messages, maxTokens, temperatureMicro, stops } = request;
      const engine = await engineOf(file);
      return engine.replay(
        { requestId, messages, maxTokens, temperatureMicro, stops, outputTokens: tokens, finishReason },
        call,
      );
    },
    async [Symbol.asyncDispose]() {
      for (const opening of engines.values()) {
        const engine = await opening.catch(() => undefined);
        await engine?.[Symbol.asyncDispose]();
      }
    },
  };
}
