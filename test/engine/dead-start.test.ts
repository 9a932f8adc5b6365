import { expect, it } from 'vitest';
import { claimsOf } from '../../src/domain/spec.ts';
import { startMigration } from '../../src/engine/start.ts';
import { aSpec } from '../fixtures/builders.ts';
import { aWorld } from '../fixtures/world.ts';

it('a start that died between its claims and its record stands in the way of nobody', async () => {
  const { ports } = aWorld();
  const claims = claimsOf(aSpec().routes);
  expect(claims.length).toBeGreaterThan(1);
  await ports.store.claim(claims, { name: 'dead', run: 'run-0' });
  const record = await startMigration(ports, aSpec(), { run: 'run-1', actor: 'ada' });
  expect(record.claims).toEqual(claims);
  expect(await ports.store.claim(claims, { name: 'another', run: 'run-2' })).toMatchObject({
    holder: { name: 'shop-ingress', run: 'run-1' },
  });
});
