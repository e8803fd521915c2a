import { vi } from 'vitest';
import { sameBitsSuite } from './sameBitsSuite.ts';

vi.setConfig({ testTimeout: 1_200_000 });

sameBitsSuite({
  counts: { prompts: 100, tokens: 64 },
  digest: '7999160a16123a1aa95de41906b8374f03213667030a1951d50cf84eef2af00c',
  sample: { prompts: 5, tokens: 16 },
});

sameBitsSuite({
  variant: 'wide',
  counts: { prompts: 10, tokens: 32 },
  digest: '91e7b069b97dce55f0ad23a5235bb0f1cf1c13f3301c899ecc87fe416169bcfc',
  sample: { prompts: 2, tokens: 4 },
});
