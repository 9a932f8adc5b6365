import { beforeEach, describe, expect, test } from 'vitest';
import { ForbiddenError, TransientError } from '../../src/ports/errors.ts';
import type { Signals } from '../../src/ports/signals.ts';
import type { TrafficRouter } from '../../src/ports/traffic-router.ts';
import { aFile, anInstallation, type Installation, yaml } from './requests.ts';

let installation: Installation;

beforeEach(() => {
  installation = anInstallation();
});

const plan = (body = aFile(), query: Record<string, string> = { dryRun: 'true' }, headers = {}) =>
  installation.send({ method: 'POST', path: '/v1/migrations', query, headers: { ...yaml, ...headers }, body });

describe('a dry run', () => {
  test('answers with the plan and the findings of the preflight', async () => {
    const { status, json } = await plan();
    expect(status).toBe(200);
    expect(Object.keys(json)).toEqual(['plan', 'preflight']);
    expect(json.plan.routes).toMatchObject([
      {
        loadBalancer: 'lb-public',
        ports: [
          {
            port: 80,
            group: 'rsp-pub-80',
            source: { backends: 3, mode: 'eni' },
            target: { backends: 3, mode: 'eni' },
            smallestShare: (3 / 102) * 100,
            steps: [
              { asked: 10, weights: { source: 83, target: 11 }, achieved: 10, reachable: true, earliestEnd: minute(1) },
              {
                asked: 100,
                weights: { source: 0, target: 100 },
                achieved: 100,
                reachable: true,
                earliestEnd: minute(2),
              },
            ],
          },
        ],
      },
    ]);
    expect(json.preflight.checks).toContainEqual({
      id: 'scheduler',
      status: 'pass',
      found: 'lb-public: listener 80 schedules by weight',
      at: { object: 'listener 80', field: 'Scheduler', value: 'wrr' },
      why: expect.stringContaining('rr heeds no weight but 0'),
      remedy: null,
    });
    expect(json.preflight.checks.filter(({ status: one }: { status: string }) => one === 'fail')).toEqual([]);
  });

  /** The bakes are a minute each, and the store's clock stands. */
  const minute = (count: number) => new Date(1_000_000 + count * 60_000).toISOString();

  test('writes nothing: no record, no claim, no annotation, no ConfigMap, no notice', async () => {
    const { world } = installation;
    await plan();
    expect(
      world.calls.filter((call) => !/^(router\.(read|survey)|loadBalancer\.describe|probe\.ask)/.test(call)),
    ).toEqual([]);
    expect(world.kept).toBeNull();
    expect(await world.ports.store.names(10)).toEqual([]);
    expect(await world.ports.store.history('shop-ingress', 10)).toEqual([]);
    // A claim that was left behind would be in the way of another name on the same group.
    expect(await plan(aFile('other'), {})).toMatchObject({ status: 201 });
  });

  test('tells every finding that a start would be refused for, and starts nothing', async () => {
    const { world } = installation;
    world.listeners = world.listeners.map((listener) => ({ ...listener, scheduler: 'rr' }));
    world.drift('target', '10', 'kubectl');
    world.nowMs += 5_000;
    const { status, json } = await plan();
    expect(status).toBe(200);
    const failed = json.preflight.checks.filter(({ status: one }: { status: string }) => one === 'fail');
    expect(failed.map(({ id }: { id: string }) => id)).toEqual(['target-weight', 'target-idle', 'scheduler']);
    await plan(aFile(), {});
    const refusal = await untilRefused();
    for (const { found } of failed) expect(refusal).toContain(found);
  });

  async function untilRefused(): Promise<string> {
    const { advance } = await import('../../src/engine/advance.ts');
    await advance(installation.world.ports, 'shop-ingress', installation.world.nowMs + 5000);
    const { json } = await installation.send({ path: '/v1/migrations/shop-ingress' });
    expect(json.state).toBe('refused');
    return json.reason;
  }

  test('answers 200 to a step that cannot be reached, with what would help', async () => {
    installation.world.side.source.pods = 40;
    installation.world.side.target.pods = 40;
    const { status, json } = await plan();
    expect(status).toBe(200);
    expect(json.plan.routes[0].ports[0].steps[0]).toMatchObject({
      asked: 10,
      reachable: false,
      remedies: [{ kind: 'fewer-target-replicas', count: 10, reachable: true }],
    });
    expect(json.preflight.checks).toContainEqual(expect.objectContaining({ id: 'share', status: 'fail' }));
  });

  test('counts the requests of a step at the rate that was signalled last', async () => {
    const { world } = installation;
    world.nowMs = 1_200_000;
    await world.count('source', 200, 0);
    expect((await plan()).json.plan).toMatchObject({
      requestsPerSecond: 200,
      routes: [{ ports: [{ steps: [{ requests: 1200 }, { requests: 12_000 }] }] }],
    });
    world.nowMs += 600_000;
    expect((await plan()).json.plan.requestsPerSecond).toBeNull();
  });

  test('is possible beside a migration that is under way on the same group', async () => {
    await plan(aFile(), {});
    expect(await plan()).toMatchObject({ status: 200 });
    expect(await plan(aFile('second'))).toMatchObject({ status: 200 });
  });

  test.each([
    ['false starts the migration', { dryRun: 'false' }, 201],
    ['anything but true or false is a mistake', { dryRun: '1' }, 422],
  ])('%s', async (_, query, status) => {
    expect((await plan(aFile(), query)).status).toBe(status);
  });

  test('answers to mistakes as a start does', async () => {
    const wrong = await plan(aFile().replace('settle: 0s', 'setle: 0s'));
    expect(wrong).toMatchObject({ status: 422, json: { problems: [{ line: 11, path: 'spec.setle' }] } });
    expect(await plan(aFile().replace('cluster: ack', 'cluster: nowhere'))).toMatchObject({ status: 422 });
    expect(await plan(aFile(), { dryRun: 'true' }, { authorization: 'Bearer walls-token' })).toMatchObject({
      status: 403,
    });
  });

  test('answers 503 while a cluster does not answer', async () => {
    installation.world.onCall = (call) => {
      if (call === 'router.read') throw new TransientError('ack does not answer');
    };
    expect(await plan()).toMatchObject({ status: 503, json: { detail: 'ack does not answer' } });
  });

  test('says of a short form whose gateway may not be read what is missing, as the preflight of the long form does', async () => {
    const found = 'cluster ack: get services: forbidden (403); missing permission: get services in namespace a';
    withDiscovery(async () => {
      throw new ForbiddenError(found);
    });
    const { status, json } = await plan(shortForm);
    expect(status).toBe(200);
    expect(json.plan.routes).toEqual([]);
    const others = json.preflight.checks.filter(({ status: one }: { status: string }) => one !== 'pass');
    expect(others).toMatchObject([{ id: 'readable', status: 'unknown', found }, { id: 'control-traffic' }]);
    const started = await plan(shortForm, {});
    expect(started).toMatchObject({ status: 422, json: { detail: `readable: ${found}` } });
    expect(await installation.world.ports.store.names(10)).toEqual([]);
  });

  test('finds names of a short form that nobody configured before it asks anybody', async () => {
    withDiscovery(() => expect.unreachable());
    const { json } = await plan(
      shortForm
        .replace('source: a/source', 'source: { cluster: other, service: a/source }')
        .replace('target: a/target', 'target: { mesh: other, gateway: a/target }'),
    );
    expect(json.problems.map(({ path }: { path: string }) => path)).toEqual([
      'spec.source.cluster',
      'spec.target.mesh',
    ]);
  });

  const shortForm = `apiVersion: sluice/v1
kind: Migration
metadata: { name: shop-ingress }
spec:
  source: a/source
  target: a/target
  probe: { host: shop.example.com, path: / }
  paths: ["http://shop.example.com/"]
  analysis: { signals: main }
  steps: [100%]
`;

  function withDiscovery(discover: TrafficRouter['discover']): void {
    const { ports } = installation.world;
    const { router, signals } = ports;
    const read: Signals['read'] = (name, sinceMs, from) =>
      from === undefined ? signals.read(name, sinceMs) : expect.unreachable();
    installation.world.ports = {
      ...ports,
      installation: { ...ports.installation, signals: ['main'] },
      router: { ...router, discover },
      signals: { ...signals, read },
    };
  }

  test('is in the OpenAPI document, with its answer', async () => {
    const { json } = await installation.send({ path: '/openapi.json' });
    const { post } = json.paths['/v1/migrations'];
    expect(post.parameters).toContainEqual(expect.objectContaining({ name: 'dryRun', in: 'query' }));
    expect(Object.keys(post.responses['200'].content['application/json'].schema.properties)).toEqual([
      'plan',
      'preflight',
    ]);
    expect(post.responses['201']).toBeDefined();
  });
});
