import { test } from 'vitest';
import { expectFuzz } from './fuzz/expectFuzz.ts';

test(
  'the program does what the model does: 95,000 sequences from seed 105001 on',
  {
    timeout: 7_200_000,
  },
  () => expectFuzz({ from: 105001, count: 95_000 }),
);
