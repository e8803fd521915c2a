import { defineConfig } from 'vitest/config';

/** `LONG=1` (set by `npm run test:long`) adds the files named `*.long.test.ts`, which hold the full counts. */
const long = process.env.LONG === '1';

export default defineConfig({
  test: {
    include: ['{sdk,circuits,node,validator,web,programs,test}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', ...(long ? [] : ['**/*.long.test.ts'])],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
