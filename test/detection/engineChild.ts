import { type Engine, type LlamaEngineOptions, llamaEngine } from '@karmesh/node/engines';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { Call, Reply } from './engineProcess.ts';

// One engine in a process of its own, since llama.cpp loads one CPU library per process. The parent speaks to it by messages and it
// ends when the parent lets go of the channel.

let engine: Engine | undefined;

async function open(options: LlamaEngineOptions): Promise<Engine> {
  engine = await llamaEngine(options);
  return engine;
}

async function run(call: Call): Promise<unknown> {
  if (call.kind === 'open') return (await open(call.options)).describe();
  if (engine === undefined) throw new KarmeshError('BAD_ARGUMENT', 'The engine is not open.');
  if (call.kind === 'replay') return engine.replay(call.options);
  // What can be cut cannot be sent.
  const { cutTo: _, ...answer } = await engine.generate(call.options);
  return answer;
}

async function answer(call: Call): Promise<Reply> {
  try {
    return { id: call.id, result: await run(call) };
  } catch (error) {
    const code = error instanceof KarmeshError ? error.code : 'ENGINE_FAILED';
    return { id: call.id, error: { code, message: error instanceof Error ? error.message : String(error) } };
  }
}

process.on('message', (call: Call) => {
  void answer(call).then((reply) => {
    if (process.connected) process.send?.(reply);
  });
});

process.on('disconnect', () => {
  void (async () => {
    await engine?.[Symbol.asyncDispose]();
    process.exit(0);
  })();
});
