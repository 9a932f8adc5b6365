import { defineConfig } from 'vitest/config';

const shared = { testTimeout: 30_000, hookTimeout: 60_000 };
/** Clocks that run so fast that a busy machine would be seen in the result. */
const alone = ['test/e2e/crash.test.ts'];
/** What `npm run test:long` takes its minutes for: the gate has to stay within a quarter of an hour on two cores. */
const long = ['test/e2e/{bookinfo,canary-secrets,judge,least-privilege,release-clb,retire,signals}.test.ts'];
const isLong = process.env['SLUICE_TESTS'] === 'long';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Whole sandboxes with their own processes, which wait more than they work: three at a time take two cores, when no
        // unit test runs. A crowd of them would only measure the crowd.
        test: {
          ...shared,
          name: 'e2e',
          include: isLong ? long : ['test/e2e/**/*.test.ts'],
          exclude: [...alone, ...(isLong ? [] : long)],
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...shared,
          name: 'alone',
          include: alone,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
