import { test } from 'vitest';
import { expectFuzz } from './fuzz/expectFuzz.ts';

// Two files of 5,000 sequences each, so that both workers of a test run have one.
test(
  'whatever is sent in whatever order, the program does what the model does (seeds 1 to 5,000)',
  {
    timeout: 1_800_000,
  },
  () => expectFuzz({ from: 1, count: 5_000 }),
);
