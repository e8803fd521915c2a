import { vi } from 'vitest';
import { sameBitsSuite } from './sameBitsSuite.ts';

vi.setConfig({ testTimeout: 1_200_000 });

sameBitsSuite({ counts: { prompts: 100, tokens: 64 }, digest: '', sample: { prompts: 5, tokens: 16 } });
