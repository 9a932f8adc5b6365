import { describe, expect, it } from 'vitest';
import { subjects, unseen } from '../../../src/engine/preflight/catalogue.ts';
import { type Check, isRefusing } from '../../../src/engine/preflight/check.ts';
import { ForbiddenError, TransientError } from '../../../src/ports/errors.ts';
import { aPath, aSubsetRoute } from '../../fixtures/builders.ts';
import { aPage, aScene, checksOf, withListener, withService } from '../../fixtures/scene.ts';
import type { Case } from './case.ts';
import { casesOfAnswers } from './cases-of-answers.ts';
import { casesOfBalancers } from './cases-of-balancers.ts';
import { casesOfObjects } from './cases-of-objects.ts';

const kinds = subjects.flatMap((subject) => subject.kinds);
const cases: readonly Case[] = [...casesOfBalancers, ...casesOfObjects, ...casesOfAnswers].map(
  ([id, status, when, spoil, found, remedy]) => ({ id, status, when, spoil, found, remedy }),
);
const pitfalls = Array.from({ length: 36 }, (_, index) => `E${index + 1}`);

/** Of two routes, one after the other; what else is wrong with the second is not the question. */
async function orderChecks(): Promise<readonly Check[]> {
  const scene = aScene();
  const { route } = scene.observation;
  const routes = [route, { ...route, loadBalancer: 'lb-2' }];
  scene.spec = { ...scene.spec, routeOrder: 'sequential', routes };
  scene.samples = routes.flatMap(({ loadBalancer }) => scene.samples.map((one) => ({ ...one, loadBalancer })));
  return (await checksOf(scene)).filter(({ id }) => id === 'route-order');
}

describe('a preflight', () => {
  it('makes every check, and passes them all where nothing is wrong', async () => {
    const scene = aScene();
    const analysis = { ...scene.spec.analysis, signals: ['prometheus'] };
    scene.spec = { ...scene.spec, subsets: [aSubsetRoute()], analysis };
    withListener(scene, { healthCheck: { type: 'http', port: null, host: 'shop.example.com', path: '/' } });
    const checks = [...(await checksOf(scene)), ...(await orderChecks())];
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(new Set(checks.map(({ id }) => id))).toEqual(new Set(kinds.map(({ id }) => id)));
  });

  it.each(cases)('$id: $status, $when', async ({ id, status, spoil, found, remedy }) => {
    const scene = aScene();
    spoil(scene);
    const mine = (await checksOf(scene)).filter((check) => check.id === id && check.status !== 'pass');
    const check = mine.find((one) => found.test(one.found));
    expect(mine.map((one) => one.found).join('\n')).toMatch(found);
    expect(check?.status).toBe(status);
    if (remedy === null) expect(check?.remedy).toBeNull();
    else expect(check?.remedy).toMatch(remedy);
    expect(check?.why).toBe(kinds.find((kind) => kind.id === id)?.why);
  });

  it('says of each check what else than pass it can say', () => {
    const said = (id: string) => [...new Set(cases.flatMap((one) => (one.id === id ? [one.status] : [])))].sort();
    expect(kinds.map(({ id }) => [id, said(id)])).toEqual(kinds.map(({ id, says }) => [id, [...says].sort()]));
  });

  it('has a check, or a word why there is none, for each row of the pitfalls', () => {
    const covered = new Set([...kinds.flatMap(({ rows }) => rows), ...unseen.map(({ row }) => row)]);
    expect(pitfalls.filter((row) => !covered.has(row))).toEqual([]);
    expect([...covered].filter((row) => !pitfalls.includes(row))).toEqual([]);
  });

  it('quotes what a shell could read otherwise', async () => {
    const scene = aScene();
    withListener(scene, { scheduler: 'rr' });
    const route = { ...scene.observation.route, loadBalancer: "lb-1; rm 'x'" };
    scene.observation = { ...scene.observation, route };
    scene.spec = { ...scene.spec, routes: [route] };
    const found = (await checksOf(scene)).find(({ id, remedy }) => id === 'scheduler' && remedy !== null);
    expect(found?.remedy).toContain(`--LoadBalancerId 'lb-1; rm '\\''x'\\''' --ListenerPort`);
  });

  it.each([
    ['describeGroups', 'backend-quota', 'target-idle'],
    ['describeListeners', 'clb', 'scheduler'],
    ['describe', 'scheduler', 'clb'],
    ['read', 'signals', 'service'],
  ] as const)(
    'checks what does not depend on %s where that is forbidden: %s, and not %s',
    async (method, made, left) => {
      const scene = aScene();
      scene.unreadable = { [method]: new ForbiddenError('missing permission: x') };
      scene.spec = { ...scene.spec, analysis: { ...scene.spec.analysis, signals: ['prometheus'] } };
      const checks = await checksOf(scene);
      const ids = checks.map(({ id }) => id);
      expect([ids.includes(made), ids.includes(left)]).toEqual([true, false]);
      expect(checks.filter(isRefusing).map(({ id, status }) => [id, status])).toEqual([['readable', 'unknown']]);
    },
  );

  it('tells of a VirtualService that must not be read', async () => {
    const scene = aScene();
    scene.spec = { ...scene.spec, subsets: [aSubsetRoute()] };
    scene.unreadable = { readSplit: new ForbiddenError('missing permission: get virtualservices') };
    const found = (await checksOf(scene)).filter(isRefusing).map((check) => check.found);
    expect(found).toEqual(['VirtualService asm/default/reviews: missing permission: get virtualservices']);
  });

  it('ends where trying again may help', async () => {
    const scene = aScene();
    scene.unreadable = { describeGroups: new TransientError('Throttling.User') };
    await expect(checksOf(scene)).rejects.toThrow('Throttling.User');
  });

  it('asks the pods over TLS where clients speak it and no HTTPS listener ends it', async () => {
    const asked = async (protocol: string) => {
      const scene = aScene();
      const spoken: boolean[] = [];
      withListener(scene, { protocol });
      scene.spec = { ...scene.spec, paths: [aPath({ isTls: true })] };
      scene.pages = ({ isTls }) => {
        spoken.push(isTls);
        return aPage();
      };
      await checksOf(scene);
      return [...new Set(spoken)];
    };
    expect([await asked('tcp'), await asked('https')]).toEqual([[true], [false]]);
  });

  it('lets a reconcile that failed rest once the load balancer has what the annotations say', async () => {
    const scene = aScene();
    const warning = { reason: 'SyncLoadBalancerFailed', message: 'configuring', atMs: 1_700_000_000_000, firstAtMs: 0 };
    withService(scene, 'target', { warning });
    const found = (await checksOf(scene)).filter(({ id }) => id === 'controller-warning');
    expect(new Set(found.map(({ status }) => status))).toEqual(new Set(['pass']));
  });

  it('takes two ports of one group where they lead to the same port of the pods', async () => {
    const scene = aScene();
    const ports = [80, 8080].map((port) => ({ port, group: 'rsp-pub-80' }));
    const route = { ...scene.observation.route, ports };
    scene.observation = { ...scene.observation, route };
    const surveyed = ports.map(({ port }) => ({ port, targetPort: 8000, nodePort: null }));
    for (const side of ['source', 'target'] as const) withService(scene, side, {}, { ports: surveyed });
    scene.spec = { ...scene.spec, routes: [route] };
    const found = (await checksOf(scene)).filter(({ id }) => id === 'group-per-port');
    expect(found.map(({ status }) => status)).toEqual(['pass']);
  });
});
