import { afterAll } from 'vitest';
import { engineSuite } from '../../fixtures/engineSuite.ts';
import { modelServer } from '../../fixtures/modelServer.ts';
import { BUNDLED_MODEL_PATH } from '../../models/bundled.ts';
import { openaiEngine } from './openaiEngine.ts';

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

engineSuite('the engine before a server that gives token ids', {
  async open() {
    const { url } = stack.use(await modelServer());
    return openaiEngine({ modelPath: BUNDLED_MODEL_PATH, url });
  },
  honestGapMicro: 1,
});
