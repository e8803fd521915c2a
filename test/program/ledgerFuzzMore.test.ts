import { test } from 'vitest';
import { expectFuzz } from './fuzz/expectFuzz.ts';

test(
  'whatever is sent in whatever order, the program does what the model does (seeds 5,001 to 10,000)',
  {
    timeout: 1_800_000,
  },
  () => expectFuzz({ from: 5_001, count: 5_000 }),
);
