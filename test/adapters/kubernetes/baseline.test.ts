import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keptBaselines } from '../../../src/adapters/kubernetes/baseline-map.ts';
import { kubernetesClients } from '../../../src/adapters/kubernetes/clients.ts';
import { kubernetesRouter } from '../../../src/adapters/kubernetes/router.ts';
import { systemClock } from '../../../src/adapters/system-clock.ts';
import type { Baseline } from '../../../src/domain/baseline.ts';
import { FencedError, TransientError, UnreadableRecordError } from '../../../src/ports/errors.ts';
import { aPatience } from '../../fixtures/builders.ts';
import { clusterId, namespace, route, startWorld, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
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

const configMap = () => world.ack.model.get('configmaps', { namespace, name: 'sluice-shop' });

describe('the baseline that is kept beside the source', () => {
  it('is read again as it was, absent annotations included', async () => {
    await world.router.keepBaseline('shop', baseline, 3);
    expect(await world.router.readBaseline('shop')).toEqual(baseline);
    expect(configMap().metadata).toMatchObject({
      labels: { 'app.kubernetes.io/managed-by': 'sluice' },
      annotations: { 'sluice.dev/fence': '3' },
    });
  });

  it('is null where none was kept', async () => {
    expect(await world.router.readBaseline('shop')).toBeNull();
  });

  it('is found by somebody who has kubeconfigs and nothing else', async () => {
    await world.router.keepBaseline('shop', baseline, 3);
    const clients = kubernetesClients({
      clusters: { laptop: { id: clusterId, kubeconfig: 'env:ACK' } },
      meshes: {},
      env: { ACK: world.ack.kubeconfig },
      clock: systemClock(),
    });
    expect(await kubernetesRouter(clients, { namespaces: null }).readBaseline('shop')).toEqual(baseline);
    clients.close();
  });

  it('is replaced by a later revision, and never by an earlier one', async () => {
    await world.router.keepBaseline('shop', baseline, 3);
    await world.router.keepBaseline('shop', { ...baseline, run: 'r2' }, 4);
    await expect(world.router.keepBaseline('shop', baseline, 3)).rejects.toThrow(FencedError);
    expect(await world.router.readBaseline('shop')).toMatchObject({ run: 'r2' });
  });

  it('is emptied and not deleted, and what others put beside it stays', async () => {
    await world.router.keepBaseline('shop', baseline, 3);
    world.ack.model.patch(
      'configmaps',
      { namespace, name: 'sluice-shop' },
      { kind: 'merge', body: { data: { note: 'by a person' } } } as never,
      { now: Date.now(), manager: 'person' },
    );
    await world.router.emptyBaseline('shop', baseline, 5);
    expect(configMap()['data']).toEqual({ 'baseline.json': '', note: 'by a person' });
    expect(await world.router.readBaseline('shop')).toBeNull();
  });

  it('is not made by emptying it', async () => {
    await world.router.emptyBaseline('shop', baseline, 5);
    expect(world.ack.model.find('configmaps', { namespace, name: 'sluice-shop' })).toBeNull();
  });

  it('can be kept again after it was emptied', async () => {
    await world.router.keepBaseline('shop', baseline, 3);
    await world.router.emptyBaseline('shop', baseline, 5);
    await world.router.keepBaseline('shop', { ...baseline, run: 'r2' }, 6);
    expect(await world.router.readBaseline('shop')).toMatchObject({ run: 'r2' });
  });

  it.each(['{', '{}', '{"format": 2}', JSON.stringify({ format: 1, baseline: { ...baseline, routes: [] } })])(
    'is not guessed from %j, and another one is still told',
    async (text) => {
      await world.router.keepBaseline('other', { ...baseline, name: 'other' }, 3);
      await world.router.keepBaseline('shop', baseline, 3);
      const body = { data: { 'baseline.json': text } };
      const key = { namespace, name: 'sluice-shop' };
      world.ack.model.patch('configmaps', key, { kind: 'merge', body } as never, {
        now: Date.now(),
        manager: 'person',
      });
      await expect(world.router.readBaseline('shop')).rejects.toThrow(UnreadableRecordError);
      const kept = await keptBaselines(world.clients, [namespace]);
      expect(kept.map(({ name, baseline: found }) => [name, found !== null]).sort()).toEqual([
        ['other', true],
        ['shop', false],
      ]);
    },
  );

  it('is told by the cluster that answers where another one does not', async () => {
    await world.router.keepBaseline('shop', baseline, 3);
    const clients = kubernetesClients({
      clusters: {
        gone: { id: 'c-gone', kubeconfig: 'env:GONE' },
        ack: { id: clusterId, kubeconfig: 'env:ACK' },
      },
      meshes: {},
      env: { ACK: world.ack.kubeconfig, GONE: world.ack.kubeconfig.replace(/:\d+(?=\s*$)/m, ':1') },
      clock: systemClock(),
    });
    const router = kubernetesRouter(clients, { namespaces: [namespace] });
    expect(await router.readBaseline('shop')).toEqual(baseline);
    await expect(router.readBaseline('unknown')).rejects.toThrow(TransientError);
    clients.close();
  });

  it('made by two at once is one ConfigMap, and whoever comes too late meets a conflict', async () => {
    await Promise.all([
      world.router.keepBaseline('shop', baseline, 3),
      world.router.keepBaseline('shop', baseline, 3),
    ]).catch((error: unknown) => expect(error).toMatchObject({ code: 'conflict' }));
    expect(await world.router.readBaseline('shop')).toEqual(baseline);
  });
});
