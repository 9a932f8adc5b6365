import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kubernetesKeptBaselines } from '../../../src/adapters/kubernetes/kept-baselines.ts';
import type { Baseline } from '../../../src/domain/baseline.ts';
import { ConflictError, RescuedError } from '../../../src/ports/errors.ts';
import { type KeptWay, noMark } from '../../../src/ports/kept-baselines.ts';
import { aPatience } from '../../fixtures/builders.ts';
import { clusterId, namespace, route, startWorld, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
  await world.router.keepBaseline('shop', baseline, 3);
});
afterEach(() => world.stop());

const baseline: Baseline = {
  name: 'shop',
  run: 'r1',
  takenAtMs: 1_760_000_000_000,
  patience: aPatience(),
  subsets: [],
  routes: [
    {
      route,
      source: { weight: null, overrides: {} },
      target: { weight: '0', overrides: { [clusterId]: null } },
      services: {
        source: [{ cluster: 'ack', clusterId, namespace, name: 'istio-ingressgateway', mode: 'eni' }],
        target: [],
      },
      sourcePods: 3,
    },
  ],
};

const kept = (namespaces: readonly string[] | null = [namespace]) => kubernetesKeptBaselines(world.clients, namespaces);
const annotations = () =>
  world.ack.model.get('configmaps', { namespace, name: 'sluice-shop' }).metadata.annotations ?? {};

async function theWay(): Promise<KeptWay> {
  const [way] = (await kept().list()).ways;
  if (way === undefined) throw new Error('no way back is kept');
  return way;
}

describe('the watchdog’s marks on a kept baseline', () => {
  it('are read as they were written, and leave the baseline and its fence as they are', async () => {
    expect((await theWay()).mark).toEqual(noMark);
    const mark = { storeLostSinceMs: 1_760_000_000_123, fence: 1_007, isResting: false };
    await kept().mark(await theWay(), mark);
    expect(await theWay()).toMatchObject({ name: 'shop', cluster: 'ack', namespace, baseline, mark });
    expect(annotations()).toEqual({
      'sluice.dev/fence': '3',
      'sluice.dev/store-lost-since': '2025-10-09T08:53:20.123Z',
      'sluice.dev/rescue-fence': '1007',
    });
  });

  it('are taken away again without a trace', async () => {
    await kept().mark(await theWay(), { storeLostSinceMs: 5, fence: 7, isResting: true });
    await kept().mark(await theWay(), noMark);
    expect(annotations()).toEqual({ 'sluice.dev/fence': '3' });
  });

  it('of a run before do not count for the next', async () => {
    await kept().mark(await theWay(), { storeLostSinceMs: 5, fence: 7, isResting: true });
    await world.router.keepBaseline('shop', { ...baseline, run: 'r2' }, 4);
    expect(await theWay()).toMatchObject({ baseline: { run: 'r2' }, mark: noMark });
  });

  it('keep open what is brought back without the store, for every writer but one above its fence', async () => {
    await kept().mark(await theWay(), { ...noMark, fence: 1_007 });
    await expect(world.router.emptyBaseline('shop', baseline, 1_006)).rejects.toThrow(
      new RescuedError('the watchdog brings shop back without the store, with fence 1007', 1_007),
    );
    expect(await world.router.readBaseline('shop')).toEqual(baseline);
    await world.router.emptyBaseline('shop', baseline, 1_007);
    expect(await world.router.readBaseline('shop')).toBeNull();
  });

  it('are not written on what has changed since it was read', async () => {
    const way = await theWay();
    await world.router.keepBaseline('shop', { ...baseline, run: 'r2' }, 4);
    await expect(kept().mark(way, { ...noMark, storeLostSinceMs: 5 })).rejects.toThrow(ConflictError);
    expect((await theWay()).mark).toEqual(noMark);
  });

  it('that somebody wrote wrong count as none', async () => {
    world.ack.model.patch(
      'configmaps',
      { namespace, name: 'sluice-shop' },
      {
        kind: 'merge',
        body: { metadata: { annotations: { 'sluice.dev/store-lost-since': 'x', 'sluice.dev/rescue-fence': '-1' } } },
      } as never,
      { now: Date.now(), manager: 'person' },
    );
    expect((await theWay()).mark).toEqual(noMark);
  });
});

describe('the ways back', () => {
  it('are those that are open: an emptied one is none', async () => {
    await world.router.emptyBaseline('shop', baseline, 5);
    expect(await kept().list()).toEqual({ ways: [], problems: [] });
  });

  it('are looked for in the namespaces of the installation, or everywhere', async () => {
    expect((await kept(['elsewhere']).list()).ways).toEqual([]);
    expect((await kept(null).list()).ways).toHaveLength(1);
  });
});
