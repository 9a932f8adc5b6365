import { describe, expect, it } from 'vitest';
import { annotationChecks } from '../../src/engine/annotation-checks.ts';
import { anObservation } from '../fixtures/builders.ts';

const key = (suffix: string) => `service.beta.kubernetes.io/alibaba-cloud-loadbalancer-${suffix}`;
const legacyKey = (suffix: string) => `service.beta.kubernetes.io/alicloud-loadbalancer-${suffix}`;
const aClb = (groups: Readonly<Record<string, string>> = { 'rsp-pub-80': 'shop-http' }) => ({
  id: 'lb-public',
  status: 'active',
  address: '',
  tags: {},
  groups,
});

/** What is found wrong when the source's Service has these annotations beside (or instead of) the right ones. */
function wrongAtSource(annotations: Readonly<Record<string, string>>): readonly string[] {
  const observation = anObservation({ weight: '100' }, { weight: '0' });
  const [service] = observation.source.services;
  if (service === undefined) throw new Error('one Service');
  const services = [{ ...service, annotations: { ...service.annotations, ...annotations } }];
  const checks = annotationChecks({ ...observation, source: { ...observation.source, services } }, aClb());
  return checks.filter(({ status }) => status === 'fail').map(({ found }) => found);
}

describe('the annotations of both sides', () => {
  it('pass when they fit the route', () => {
    const checks = annotationChecks(anObservation({ weight: '100' }, { weight: '0' }), aClb());
    expect(checks.map(({ status }) => status)).toEqual(['pass', 'pass', 'pass']);
  });
  it.each([
    [{ [key('vgroup-port')]: 'rsp-pub-80:80, rsp-pub-443:443' }, /has a space.*remove it/],
    [{ [key('vgroup-port')]: 'rsp-pub-80:80,rsp-pub-443:443' }, /names rsp-pub-443:443, which the route does not/],
    [{ [key('vgroup-port')]: 'rsp-pub-80' }, /is not <group>:<port>/],
    [{ [key('vgroup-port')]: 'rsp-other:80' }, /does not name rsp-pub-80:80/],
    [{ [key('id')]: 'lb-other' }, /is "lb-other", not "lb-public"/],
    [{ [legacyKey('weight')]: '10', [key('weight')]: '20' }, /weight is there in both spellings/],
    [{ [key('force-override-listeners')]: 'true' }, /force-override-listeners is "true": set it to "false"/],
  ])('fail for %o', (annotations, message) => {
    expect(wrongAtSource(annotations).join('\n')).toMatch(message);
  });
  it("fail where a group is not of this CLB, or bears the name of the controller's own", () => {
    const found = (groups: Readonly<Record<string, string>>) =>
      annotationChecks(anObservation({ weight: '100' }, { weight: '0' }), aClb(groups)).filter(
        ({ status }) => status === 'fail',
      );
    expect(found({})[0]?.found).toContain('is not one of lb-public');
    expect(found({ 'rsp-pub-80': 'k8s/80/istio-ingressgateway/istio-system/c1' })[0]?.found).toContain('rename it');
  });
});
