import { expect, it } from 'vitest';
import type { MigrationRecord } from '../../src/domain/record.ts';
import { claimsOf } from '../../src/domain/spec.ts';
import { advance } from '../../src/engine/advance.ts';
import { contextOf } from '../../src/engine/snapshot.ts';
import { startMigration } from '../../src/engine/start.ts';
import { aSpec } from '../fixtures/builders.ts';
import { aWorld } from '../fixtures/world.ts';

it('a start that died between its claims and its record stands in the way of nobody', async () => {
  const { ports } = aWorld();
  const claims = claimsOf(aSpec());
  expect(claims.length).toBeGreaterThan(1);
  await ports.store.claim(claims, { name: 'dead', run: 'run-0' });
  const record = await startMigration(ports, aSpec(), { run: 'run-1', actor: 'ada' });
  expect(record.claims).toEqual(claims);
  expect(await ports.store.claim(claims, { name: 'another', run: 'run-2' })).toMatchObject({
    holder: { name: 'shop-ingress', run: 'run-1' },
  });
});

it('of two starts at the same moment on one group only one goes on, whichever took the other for dead', async () => {
  const world = aWorld();
  const { ports } = world;
  const other = aSpec({ name: 'other' });
  let isRacing = true;
  // The other start comes between the first one's claims and its record: exactly when the first looks dead.
  const commit = ports.store.commit;
  const store = {
    ...ports.store,
    commit: async (...args: Parameters<typeof commit>) => {
      if (isRacing) {
        isRacing = false;
        await startMigration(ports, other, { run: 'run-2', actor: 'bob' });
      }
      return commit(...args);
    },
  };
  await startMigration({ ...ports, store }, aSpec(), { run: 'run-1', actor: 'ada' });
  for (const name of ['shop-ingress', 'other']) await advance(ports, name, world.nowMs + 10_000);
  const states = await Promise.all(
    ['shop-ingress', 'other'].map(async (name) => (await ports.store.load(name))?.state),
  );
  expect(states.filter((state) => state === 'refused')).toHaveLength(1);
  const refused = await ports.store.load(states[0] === 'refused' ? 'shop-ingress' : 'other');
  expect(contextOf(refused as MigrationRecord).reason).toContain('is in use by migration');
});
