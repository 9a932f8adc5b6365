import { describe, expect, it } from 'vitest';
import { achievedShares, differencesOf, predictedWeights } from '../../src/domain/agreement.ts';
import type { RouteObservation } from '../../src/domain/observation.ts';
import { aGoal, anObservation, aService } from '../fixtures/builders.ts';

const texts = (observation: RouteObservation, source: string | null, target: string) =>
  differencesOf(observation, aGoal(source, target)).map(({ at, text }) => `${at}: ${text}`);

describe('a route agrees with its goal', () => {
  it('when annotations, Services and every backend weight do', () => {
    expect(texts(anObservation({ weight: '83' }, { weight: '11' }), '83', '11')).toEqual([]);
  });
  it('not while one backend differs, although every annotation and event says success', () => {
    const silent = anObservation({ weight: '83' }, { weight: '11', atClb: [3, 3, 4] });
    expect(texts(silent, '83', '11')).toEqual(['clb: backend 10.0.2.3:8080 in rsp-pub-80 has weight 4, not 3']);
  });
  it('not when the controller took the backends of a side out, as it does for a weight it cannot read', () => {
    const emptied = anObservation({ weight: '83' }, { weight: '11' });
    const [group] = emptied.groups;
    if (group === undefined) throw new Error('one group');
    const backends = group.backends.filter(({ serverIp }) => serverIp.startsWith('10.0.1.'));
    expect(texts({ ...emptied, groups: [{ ...group, backends }] }, '83', '11')).toEqual([
      'clb: group rsp-pub-80 has no backend of istio-ingressgateway-asm',
    ]);
  });
  it('not when somebody edited the annotation: it says who', () => {
    const edited = anObservation({ weight: '83' }, { weight: '50', carrier: { writtenBy: 'kubectl-edit' } });
    expect(texts(edited, '83', '11')[0]).toBe(
      'annotation: target weight is "50", not "11", last written by kubectl-edit',
    );
  });
  it('not when an override of one cluster says something else: it says who wrote that, not who wrote the base', () => {
    const carrier = { overrides: { c1: '60' }, writtenBy: 'sluice', overridesWrittenBy: { c1: 'kubectl-patch' } };
    expect(texts(anObservation({ weight: '83' }, { weight: '11', carrier }), '83', '11')).toEqual([
      'annotation: target weight for cluster c1 is "60", not "11", last written by kubectl-patch',
    ]);
  });
  it('while pods come and go it is settling: nobody made the difference', () => {
    const growing = anObservation({ weight: '83' }, { weight: '11', atClb: [3, 3, 2] });
    const service = { ...growing.target.services[0], ...aService('target', '11', 4) };
    const differences = differencesOf(
      { ...growing, target: { ...growing.target, services: [service] } },
      aGoal('83', '11'),
    );
    expect(differences.every(({ isSettling }) => isSettling)).toBe(true);
    expect(differences.length).toBeGreaterThan(0);
  });
});

describe('the achieved share', () => {
  it('is counted from the backend weights at the CLB, for each port', () => {
    expect(achievedShares(anObservation({ weight: '83' }, { weight: '11' }))).toEqual([
      { loadBalancer: 'lb-public', port: 80, group: 'rsp-pub-80', sourceWeight: 81, targetWeight: 9, share: 10 },
    ]);
  });
  it('is nothing where no backend has weight', () => {
    expect(achievedShares(anObservation({ weight: '0' }, { weight: '0' }))[0]?.share).toBeNull();
  });
});

describe('the predicted weights', () => {
  it('of a Service without the annotation are 100 each', () => {
    const { groups, source } = anObservation({ weight: null }, { weight: '0' });
    const own = groups[0]?.backends.filter(({ serverIp }) => serverIp.startsWith('10.0.1.')) ?? [];
    const [service] = source.services;
    if (service === undefined) throw new Error('one Service');
    expect(predictedWeights(service, null, own)).toEqual([100, 100, 100]);
  });
});
