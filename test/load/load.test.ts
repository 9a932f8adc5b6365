import { expect, it } from 'vitest';
import { linesOf } from './bounds.ts';
import { type LoadFigures, type LoadSettings, runLoad } from './run.ts';

const settings: LoadSettings = { migrations: 10, forMs: 120_000, speed: 20, watchEveryMs: 20_000 };

it('many migrations at once on one Redis are all carried on, and Redis holds no more of each than it says', async () => {
  const figures = await runLoad(settings, () => undefined);
  expect(figures.failed).toEqual([]);
  expect(figures.states).toEqual({ 'progressing.baking': 10 });
  expect(figures.samples).toBeGreaterThan(500);
  const broken = linesOf(settings, figures).filter(({ isKept }) => !isKept);
  // How late work is depends on what else the machine does: `npm run load` is for that.
  expect(broken.filter(({ what }) => !/^(work is late|samples)/.test(what))).toEqual([]);
});

it('a bound that is broken is seen', () => {
  const figures: LoadFigures = {
    ...{
      tookMs: 1,
      underWayAfterMs: 1,
      commits: 1,
      samples: 1,
      rss: [],
      failed: ['shop-1: no answer'],
      states: { stuck: 1 },
    },
    lateMs: { p99: 1, most: 20_001 },
    heap: [1, 1, 1, 50, 50, 50, 100, 100, 100].map((megabytes) => megabytes * 1024 * 1024),
    redis: { perMigration: 1, record: 300_000, history: 3_000_000, signals: 11_000_000 },
  };
  expect(linesOf(settings, figures).filter(({ isKept }) => !isKept)).toHaveLength(8);
});
