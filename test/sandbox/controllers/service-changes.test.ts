import { describe, expect, it } from 'vitest';
import { atoi, needsClb, read } from '../../../src/sandbox/controllers/cloud-annotations.ts';
import { isNodeChange, serviceChange } from '../../../src/sandbox/controllers/service-changes.ts';
import { gatewayService, node } from './memory-world.ts';

const service = gatewayService({ id: 'lb-public', weight: '10' });
const annotated = (more: Readonly<Record<string, string>>): typeof service =>
  gatewayService({ id: 'lb-public', weight: '10' }, more);

describe('reading an annotation', () => {
  const legacy = 'service.beta.kubernetes.io/alicloud-loadbalancer-weight';
  it.each([
    ['the new spelling', annotated({}), '10'],
    ['the new spelling over the old one', annotated({ [legacy]: '90' }), '10'],
    ['the old spelling where there is no new one', gatewayService({}, { [legacy]: '90' }), '90'],
    ['the empty new spelling over the old one', gatewayService({ weight: '' }, { [legacy]: '90' }), ''],
    ['nothing', gatewayService({}), ''],
  ])('takes %s', (_what, object, expected) => {
    expect(read(object, 'weight')).toBe(expected);
  });

  it.each([
    ['10', 10],
    ['+10', 10],
    ['010', 10],
    ['-1', -1],
    ['10 ', null],
    [' 10', null],
    ['12.5', null],
    ['10%', null],
    ['1_0', null],
    ['0x1', null],
    ['', null],
    ['9223372036854775807', 2 ** 63],
    ['9223372036854775808', null],
  ])('reads the number "%s" as Go does', (text, expected) => {
    expect(atoi(text)).toBe(expected);
  });
});

describe('which Services have a CLB', () => {
  it.each([
    ['a LoadBalancer', service, true],
    ['a NodePort', { ...service, spec: { ...service.spec, type: 'NodePort' } }, false],
    [
      'one with a loadBalancerClass',
      { ...service, spec: { ...service.spec, loadBalancerClass: 'alibabacloud.com/nlb' } },
      false,
    ],
    ['one with a class annotation', annotated({ 'service.beta.kubernetes.io/class': 'x' }), false],
  ])('%s: %s', (_what, object, expected) => {
    expect(needsClb(object)).toBe(expected);
  });
});

describe('what makes the cloud controller look again', () => {
  it.each([
    [
      'any annotation',
      annotated({ 'sluice.dev/nudge': '1' }),
      'AnnotationChanged',
      'The service will be updated because the annotations has been changed.',
    ],
    [
      'the spec',
      { ...service, spec: { ...service.spec, externalTrafficPolicy: 'Local' } },
      'ServiceSpecChanged',
      'The service will be updated because the spec has been changed.',
    ],
    [
      'the type',
      { ...service, spec: { ...service.spec, type: 'NodePort' } },
      'TypeChanged',
      'type change LoadBalancer - NodePort',
    ],
  ])('%s does', (_what, now, reason, message) => {
    expect(serviceChange(service, now)).toEqual({ event: { type: 'Normal', reason, message } });
  });

  it('a label and the status do not', () => {
    const now = {
      ...service,
      metadata: { ...service.metadata, labels: { a: 'b' } },
      status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
    };
    expect(serviceChange(service, now)).toBeNull();
  });

  it('a heartbeat of a node does not, its readiness, cordon and labels do', () => {
    const ready = node('a');
    const beat = node('a', {
      status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date(0) }] },
    });
    expect(isNodeChange(ready, beat)).toBe(false);
    expect(isNodeChange(ready, node('a', { status: { conditions: [{ type: 'Ready', status: 'False' }] } }))).toBe(true);
    expect(isNodeChange(ready, node('a', { spec: { unschedulable: true } }))).toBe(true);
    expect(isNodeChange(ready, node('a', { metadata: { name: 'a', labels: { pool: 'x' } } }))).toBe(true);
  });
});
