import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fenceKey, markKey, nudgeKey } from '../../../src/domain/annotations.ts';
import type { NudgeMark } from '../../../src/domain/observation.ts';
import { ConflictError, FencedError, TerminalError } from '../../../src/ports/errors.ts';
import {
  cloudAnnotations,
  clusterId,
  gateway,
  legacyWeightKey,
  putGateway,
  putService,
  route,
  service,
  startWorld,
  type World,
  weightKey,
} from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.stop());

const source = (weight: string | null) => world.router.write(route, 'source', { weight, overrides: {} }, 7);
const target = (weight: string | null, overrides: Record<string, string | null> = {}) =>
  world.router.write(route, 'target', { weight, overrides }, 7);

/** An object as it is, without what every write changes and without the given annotations. */
function without(object: { metadata: object }, ...keys: string[]): unknown {
  const bare = structuredClone(object) as unknown as {
    metadata: Record<string, unknown> & { annotations?: Record<string, string> };
    spec?: { serviceAnnotations?: Record<string, string> };
  };
  for (const key of ['resourceVersion', 'managedFields', 'generation']) delete bare.metadata[key];
  for (const key of keys) delete bare.metadata.annotations?.[key];
  for (const key of keys) delete bare.spec?.serviceAnnotations?.[key];
  return bare;
}

describe('writing the weight of a Service', () => {
  it('changes the weight and the fence, and nothing else', async () => {
    const before = service(world);
    await source('57');
    const after = service(world);
    expect(after.metadata.annotations).toMatchObject({ [weightKey]: '57', [fenceKey]: '7' });
    expect(without(after, weightKey, fenceKey)).toEqual(without(before, weightKey));
    expect(after.metadata.managedFields?.map(({ manager }) => manager)).toContain('sluice');
  });

  it('is one patch, sent as sluice', async () => {
    await source('57');
    const writes = world.requests.filter(({ method }) => method !== 'GET');
    expect(writes).toHaveLength(1);
    expect(writes[0]).toMatchObject({ method: 'PATCH', userAgent: 'sluice' });
  });

  it('keeps to the legacy spelling where that one is in use', async () => {
    putService(world.ack, 'istio-ingressgateway', { ...cloudAnnotations, [legacyWeightKey]: '100' });
    await source('90');
    expect(service(world).metadata.annotations).toMatchObject({ [legacyWeightKey]: '90' });
    expect(service(world).metadata.annotations).not.toHaveProperty(weightKey);
  });

  it('takes the annotation away where it was absent before', async () => {
    await source(null);
    expect(service(world).metadata.annotations).not.toHaveProperty(weightKey);
    expect(service(world).metadata.annotations).toMatchObject(cloudAnnotations);
  });

  it('may be done twice with the same revision', async () => {
    await source('57');
    await source('57');
    expect(service(world).metadata.annotations).toMatchObject({ [weightKey]: '57', [fenceKey]: '7' });
  });

  it('is refused where a higher revision wrote the object', async () => {
    await world.router.write(route, 'source', { weight: '50', overrides: {} }, 8);
    const before = service(world);
    await expect(source('57')).rejects.toThrow(FencedError);
    await expect(source('57')).rejects.toMatchObject({ fence: 8 });
    expect(service(world)).toEqual(before);
  });

  it.each(['12.5', '101', '-1', 'abc', '10%', ' 10', '010', '+10', ''])(
    'never lets the weight %j out',
    async (weight) => {
      await expect(source(weight)).rejects.toThrow(TerminalError);
      await expect(target('5', { [clusterId]: weight })).rejects.toThrow(TerminalError);
      expect(world.requests).toEqual([]);
    },
  );

  it('is a conflict where the object changed between reading and writing', async () => {
    const { model } = world.ack;
    const original = model.patch.bind(model);
    // Somebody else writes in the very moment in which the patch arrives.
    model.patch = (...args) => {
      model.patch = original;
      original(
        'services',
        args[1],
        { kind: 'merge', body: { metadata: { labels: { race: 'lost' } } } } as never,
        args[3],
      );
      return original(...args);
    };
    await expect(source('57')).rejects.toThrow(ConflictError);
    expect(service(world).metadata.annotations).toMatchObject({ [weightKey]: '100' });
  });

  it('says so where the Service is not there', async () => {
    const nowhere = { ...route, source: { ...route.source, name: 'nowhere' } };
    await expect(world.router.write(nowhere, 'source', { weight: '1', overrides: {} }, 1)).rejects.toThrow(
      new TerminalError('Service ack/istio-system/nowhere does not exist'),
    );
  });
});

describe('writing the weight of an IstioGateway', () => {
  it('changes the weight in serviceAnnotations and the fence of the gateway, and nothing else', async () => {
    const before = gateway(world);
    await target('9');
    const after = gateway(world);
    expect(after).toMatchObject({
      metadata: { annotations: { [fenceKey]: '7' } },
      spec: { serviceAnnotations: { ...cloudAnnotations, [weightKey]: '9' } },
    });
    expect(without(after, weightKey, fenceKey)).toEqual({
      ...(without(before, weightKey) as object),
      metadata: { ...(without(before) as { metadata: object }).metadata, annotations: {} },
    });
    expect((await world.router.read(route)).target.carrier).toMatchObject({
      weight: '9',
      fence: 7,
      writtenBy: 'sluice',
    });
  });

  it('writes into every override that has annotations of its own, and makes none', async () => {
    putGateway(world.asm, {
      serviceAnnotations: { [weightKey]: '0' },
      overrides: {
        [clusterId]: { serviceAnnotations: { ...cloudAnnotations, [legacyWeightKey]: '0' } },
        c2: { serviceAnnotations: { [weightKey]: '3' } },
        c3: { replicaCount: 3 },
      },
    });
    await target('9', { c2: '11' });
    expect(gateway(world).spec).toMatchObject({
      serviceAnnotations: { [weightKey]: '9' },
      overrides: {
        [clusterId]: { serviceAnnotations: { ...cloudAnnotations, [legacyWeightKey]: '9' } },
        c2: { serviceAnnotations: { [weightKey]: '11' } },
        c3: { replicaCount: 3 },
      },
    });
    expect(gateway(world).spec).not.toHaveProperty('overrides.c3.serviceAnnotations');
  });

  it('restores an absent annotation in the base and in an override', async () => {
    const serviceAnnotations = { ...cloudAnnotations };
    putGateway(world.asm, { serviceAnnotations, overrides: { [clusterId]: { serviceAnnotations } } });
    const before = gateway(world).spec;
    await target('9', { [clusterId]: '9' });
    expect(gateway(world).spec).not.toEqual(before);
    await target(null, { [clusterId]: null });
    expect(gateway(world).spec).toEqual(before);
  });

  it('leaves a gateway without annotations without them where nothing is to be there', async () => {
    putGateway(world.asm, {});
    await target(null);
    expect(gateway(world).spec).not.toHaveProperty('serviceAnnotations');
  });

  it('is refused where a higher revision wrote the gateway', async () => {
    await world.router.write(route, 'target', { weight: '5', overrides: {} }, 9);
    await expect(target('6')).rejects.toMatchObject({ name: 'FencedError', fence: 9 });
  });
});

const mark: NudgeMark = {
  atMs: 1_767_225_600_000,
  before: { [clusterId]: { hash: '0123abcd', warnedAtMs: null } },
  nudge: { revision: 5, atMs: 1_767_225_630_000, hashes: { [clusterId]: '4567cdef' } },
};

describe('what a write leaves beside the fence', () => {
  it('is read again as it was, on either side', async () => {
    await world.router.write(route, 'source', { weight: '57', overrides: {} }, 7, mark);
    await world.router.write(route, 'target', { weight: '9', overrides: {} }, 7, mark);
    const read = await world.router.read(route);
    expect([read.source.carrier?.mark, read.target.carrier?.mark]).toEqual([mark, mark]);
  });

  it('stays when a write says nothing of it', async () => {
    await world.router.write(route, 'source', { weight: '57', overrides: {} }, 7, mark);
    await source('60');
    expect((await world.router.read(route)).source.carrier).toMatchObject({ weight: '60', mark });
  });

  it.each(['', '{}', 'null', '{"atMs":-1,"before":{},"nudge":null}', `"${'x'.repeat(50_000)}"`])(
    'is nothing where somebody wrote what is no mark (%#)',
    async (text) => {
      putService(world.ack, 'istio-ingressgateway', { ...cloudAnnotations, [markKey]: text });
      expect((await world.router.read(route)).source.carrier?.mark).toBeNull();
    },
  );
});

describe('a seal', () => {
  it.each(['source', 'target'] as const)('of the %s is one patch of the fence alone', async (side) => {
    await world.router.write(route, side, { weight: '50', overrides: {} }, 5, mark);
    const object = () => (side === 'source' ? service(world) : gateway(world));
    const [before, requests] = [object(), world.requests.length];
    await world.router.seal(route, side, 7);
    expect(object().metadata.annotations).toMatchObject({ [fenceKey]: '7' });
    expect(without(object(), fenceKey)).toEqual(without(before, fenceKey));
    expect(world.requests.slice(requests).filter(({ method }) => method !== 'GET')).toHaveLength(1);
    expect((await world.router.read(route))[side].carrier).toMatchObject({ weight: '50', fence: 7, mark });
  });

  it('leaves a weight that nobody can read as it is', async () => {
    putService(world.ack, 'istio-ingressgateway', { ...cloudAnnotations, [weightKey]: '12.5' });
    await world.router.seal(route, 'source', 7);
    expect(service(world).metadata.annotations).toMatchObject({ [weightKey]: '12.5', [fenceKey]: '7' });
  });

  it('is refused where a higher revision wrote the object', async () => {
    for (const side of ['source', 'target'] as const) {
      await world.router.write(route, side, { weight: '50', overrides: {} }, 9);
      await expect(world.router.seal(route, side, 8)).rejects.toMatchObject({ name: 'FencedError', fence: 9 });
    }
  });
});

describe('a nudge', () => {
  it('of a Service is one patch that changes no weight', async () => {
    const before = service(world);
    await world.router.nudge(route, 'source', mark, 7);
    const after = service(world);
    expect(after.metadata.annotations).toMatchObject({ [nudgeKey]: '5', [fenceKey]: '7', [weightKey]: '100' });
    expect(without(after, nudgeKey, fenceKey, markKey)).toEqual(without(before));
    expect(world.requests.filter(({ method }) => method !== 'GET')).toHaveLength(1);
    expect((await world.router.read(route)).source.carrier?.mark).toEqual(mark);
  });

  it('of an IstioGateway is put where its Services get their annotations from, and makes no override', async () => {
    const own = { ...cloudAnnotations, [weightKey]: '3' };
    putGateway(world.asm, {
      serviceAnnotations: { ...cloudAnnotations, [weightKey]: '0' },
      overrides: { [clusterId]: { serviceAnnotations: own }, c3: { replicaCount: 3 } },
    });
    await world.router.nudge(route, 'target', mark, 7);
    expect(gateway(world)).toMatchObject({
      metadata: { annotations: { [fenceKey]: '7' } },
      spec: {
        serviceAnnotations: { ...cloudAnnotations, [weightKey]: '0', [nudgeKey]: '5' },
        overrides: { [clusterId]: { serviceAnnotations: { ...own, [nudgeKey]: '5' } } },
      },
    });
    expect(gateway(world).metadata.annotations).not.toHaveProperty(nudgeKey);
    expect(gateway(world).spec).not.toHaveProperty('overrides.c3.serviceAnnotations');
    expect((await world.router.read(route)).target.carrier).toMatchObject({
      weight: '0',
      overrides: { [clusterId]: '3' },
    });
  });

  it('twice changes nothing the second time', async () => {
    await world.router.nudge(route, 'source', mark, 7);
    const { metadata } = service(world);
    await world.router.nudge(route, 'source', mark, 7);
    expect(service(world).metadata.resourceVersion).toBe(metadata.resourceVersion);
  });

  it('is refused where a higher revision wrote the object', async () => {
    await world.router.write(route, 'source', { weight: '50', overrides: {} }, 9);
    await world.router.write(route, 'target', { weight: '5', overrides: {} }, 9);
    const before = [service(world), gateway(world)];
    for (const side of ['source', 'target'] as const) {
      await expect(world.router.nudge(route, side, mark, 8)).rejects.toMatchObject({ name: 'FencedError', fence: 9 });
    }
    expect([service(world), gateway(world)]).toEqual(before);
  });
});
