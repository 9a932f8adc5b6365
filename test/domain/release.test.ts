import { describe, expect, it } from 'vitest';
import { isReleased, type ReleasingBalancer, releaseOf, type ServiceToRelease } from '../../src/domain/release.ts';
import { releaseProblems } from '../../src/domain/release-problems.ts';
import { releasedWeights, strayGroups, verifyRelease } from '../../src/domain/release-verification.ts';

const clb = (suffix: string) => `service.beta.kubernetes.io/alibaba-cloud-loadbalancer-${suffix}`;
const made = 'a0123456789abcdef0123456789abcde';
const mark = (port: number) => `k8s/${port}/gw/istio-system/c1`;

const service = (more: Partial<ServiceToRelease> = {}): ServiceToRelease => ({
  cluster: 'ack',
  namespace: 'istio-system',
  name: 'gw',
  uid: '01234567-89ab-cdef-0123-456789abcdef',
  type: 'LoadBalancer',
  otherClass: null,
  annotations: { [clb('address-type')]: 'internet' },
  addresses: ['47.96.0.1'],
  ports: [80, 443],
  ...more,
});

const group = (id: string, name: string, port: number, weights: readonly number[]) => ({
  id,
  name,
  backends: weights.map((weight, index) => ({ key: `pod-${index}`, description: mark(port), weight })),
});

const balancer = (more: Partial<ReleasingBalancer> = {}): ReleasingBalancer => ({
  id: 'lb-1',
  name: made,
  address: '47.96.0.1',
  tags: { 'kubernetes.do.not.delete': made, 'ack.aliyun.com': 'c1', team: 'shop' },
  listeners: [
    { port: 80, scheduler: 'rr', group: 'rsp-80' },
    { port: 443, scheduler: 'wrr', group: 'rsp-443' },
  ],
  groups: [group('rsp-80', mark(8080), 8080, [100, 100, 100]), group('rsp-443', mark(8443), 8443, [100, 100, 100])],
  ...more,
});

const shared = {
  [clb('id')]: 'lb-1',
  [clb('vgroup-port')]: 'rsp-80:80,rsp-443:443',
  [clb('force-override-listeners')]: 'false',
  [clb('weight')]: '100',
};

describe('the release of a CLB that the controller made', () => {
  it('renames its groups, takes exactly the two tags, and writes four annotations without a space', () => {
    const { renames, tags, annotations, notes } = releaseOf(service(), balancer());
    expect(renames).toEqual([
      { group: 'rsp-80', from: 'k8s/8080/gw/istio-system/c1', to: 'istio-system.gw.80' },
      { group: 'rsp-443', from: 'k8s/8443/gw/istio-system/c1', to: 'istio-system.gw.443' },
    ]);
    expect(tags).toEqual(['kubernetes.do.not.delete', 'ack.aliyun.com']);
    expect(annotations).toEqual(shared);
    expect(notes).toEqual([
      expect.stringContaining('listener 80 of lb-1 schedules by rr'),
      expect.stringContaining(`lb-1 is still called ${made}`),
    ]);
  });

  it('keeps the old spelling of an annotation where that is the one in use', () => {
    const old = 'service.beta.kubernetes.io/alicloud-loadbalancer-weight';
    const { annotations } = releaseOf(service({ annotations: { [old]: '60' } }), balancer());
    expect(annotations).toMatchObject({ [old]: '100' });
    expect(annotations).not.toHaveProperty([clb('weight')]);
  });

  it('gives long names an end that fits the CLB', () => {
    const long = service({ name: 'g'.repeat(63), namespace: 'n'.repeat(63), ports: [443] });
    const named = balancer({
      groups: [{ ...group('rsp-443', 'k', 1, []), name: `k8s/8443/${'g'.repeat(63)}/${'n'.repeat(63)}/c1` }],
    });
    const [rename] = releaseOf(long, named).renames;
    expect(rename?.to).toHaveLength(80);
    expect(rename?.to).toMatch(/\.443$/);
  });

  it('knows what to go back to when somebody else began and stopped half way', () => {
    const begun = balancer({
      tags: { team: 'shop' },
      groups: [group('rsp-80', 'by-hand', 8080, [100]), group('rsp-443', mark(8443), 8443, [100])],
    });
    const release = releaseOf(service(), begun);
    expect(release.renames.map((one) => one.group)).toEqual(['rsp-443']);
    expect(release.tags).toEqual([]);
    expect(release.made).toMatchObject({
      names: [
        { group: 'rsp-80', name: mark(8080) },
        { group: 'rsp-443', name: mark(8443) },
      ],
      tags: { 'kubernetes.do.not.delete': made, 'ack.aliyun.com': 'c1' },
      annotations: { [clb('id')]: null, [clb('weight')]: null },
    });
  });

  it('never goes back to tags that a shared CLB did not have', () => {
    const { [clb('force-override-listeners')]: _, ...annotations } = shared;
    const release = releaseOf(service({ annotations }), balancer({ tags: {} }));
    expect(release.annotations).toEqual(shared);
    expect(release.made.tags).toEqual({});
  });

  it('has nothing to do where all of it is done, whatever the weight is by then', () => {
    const done = balancer({
      tags: { 'kubernetes.reused.by.user': 'true' },
      groups: [group('rsp-80', 'a', 8080, [20, 20, 20]), group('rsp-443', 'b', 8443, [20, 20, 20])],
    });
    const annotations = { ...shared, [clb('weight')]: '60' };
    expect(isReleased(releaseOf(service({ annotations }), done))).toBe(true);
    expect(isReleased(releaseOf(service(), balancer()))).toBe(false);
  });
});

describe('a CLB is not released', () => {
  const refused = (one: ServiceToRelease, of: ReleasingBalancer) => releaseProblems(one, of).join('\n');

  it('where nothing stands in its way, nothing is said', () => {
    expect(releaseProblems(service(), balancer())).toEqual([]);
  });

  it.each([
    ['for a Service that is no LoadBalancer', service({ type: 'NodePort' }), balancer(), /is no LoadBalancer/],
    ['of another class', service({ otherClass: 'alibabacloud.com/nlb' }), balancer(), /only Classic Load Balancers/],
    ['for a Service on another one', service({ annotations: { [clb('id')]: 'lb-2' } }), balancer(), /is on lb-2/],
    [
      'with another Service’s tag',
      service(),
      balancer({ tags: { 'kubernetes.do.not.delete': 'a9' } }),
      /another Service/,
    ],
    ['that nothing ties to the Service', service(), balancer({ tags: {}, name: 'shop' }), /nothing says/],
    [
      'that may be an API server’s',
      service(),
      balancer({ listeners: [{ port: 6443, scheduler: 'wrr', group: null }] }),
      /API server/,
    ],
    ['with another address', service({ addresses: ['10.0.0.9'] }), balancer(), /has the address 10\.0\.0\.9/],
    ['without a listener for a port', service({ ports: [80, 443, 8080] }), balancer(), /no listener for port 8080/],
    [
      'with a listener that leads to no group',
      service({ ports: [80] }),
      balancer({ listeners: [{ port: 80, scheduler: 'wrr', group: null }] }),
      /leads to no vServer group/,
    ],
    [
      'with one group behind two ports',
      service(),
      balancer({
        listeners: [
          { port: 80, scheduler: 'wrr', group: 'rsp-80' },
          { port: 443, scheduler: 'wrr', group: 'rsp-80' },
        ],
      }),
      /rsp-80 is behind ports 80 and 443/,
    ],
    [
      'with another Service’s group',
      service({ ports: [80] }),
      balancer({ groups: [{ id: 'rsp-80', name: 'k8s/1/other/istio-system/c1', backends: [] }] }),
      /was made for another Service/,
    ],
    [
      'without a backend to see weights at',
      service({ ports: [80] }),
      balancer({ groups: [group('rsp-80', mark(8080), 8080, [])] }),
      /has no backend of Service/,
    ],
  ])('%s', (_, one, of, why) => {
    expect(refused(one, of)).toMatch(why);
  });
});

describe('the verification of a release', () => {
  const release = releaseOf(service(), balancer());
  const seen = (weights: readonly number[], names = ['istio-system.gw.80', 'istio-system.gw.443']) => [
    group('rsp-80', names[0] ?? '', 8080, weights),
    group('rsp-443', names[1] ?? '', 8443, [33, 33, 33]),
  ];

  it('takes the weights that 100 divided gives', () => {
    expect(releasedWeights([100, 100, 100])).toEqual([33, 33, 33]);
    // Nodes with two pods and one pod, in Local mode.
    expect(releasedWeights([2, 1, 1])).toEqual([50, 25, 25]);
    expect(releasedWeights(Array.from({ length: 150 }, () => 100))).toEqual(Array.from({ length: 150 }, () => 1));
    expect(verifyRelease(release, seen([33, 33, 33]))).toEqual({
      kind: 'verified',
      detail: 'port 80: 3 x 100 -> 3 x 33, the same shares; port 443: 3 x 100 -> 3 x 33, the same shares',
    });
  });

  it.each([
    ['the controller has not divided yet', seen([100, 100, 100]), /weight 100, not 33/],
    ['a backend is dark', seen([33, 0, 33]), /weight 0, not 33/],
    ['no backend is left', seen([]), /no backend of the Service is left/],
    ['a group has its old name again', seen([33, 33, 33], [mark(8080)]), /is called k8s/],
    ['a group is gone', seen([33, 33, 33]).slice(1), /rsp-80 is gone/],
  ])('waits while %s', (_, now, why) => {
    expect(verifyRelease(release, now)).toMatchObject({ kind: 'waiting', detail: expect.stringMatching(why) });
  });

  it('lets pods come and go where all had the same', () => {
    expect(verifyRelease(release, seen([25, 25, 25, 25])).kind).toBe('verified');
    expect(verifyRelease(release, seen([25, 25, 25, 50])).kind).toBe('waiting');
  });

  it('expects the weights of a CLB that was shared before to stay as they are', () => {
    const { [clb('force-override-listeners')]: _, ...annotations } = { ...shared, [clb('weight')]: '60' };
    const groups = [group('rsp-80', 'a', 8080, [20, 20, 20]), group('rsp-443', 'b', 8443, [20, 20, 20])];
    const again = releaseOf(service({ annotations }), balancer({ tags: {}, groups }));
    expect(verifyRelease(again, groups).kind).toBe('verified');
    expect(verifyRelease(again, [group('rsp-80', 'a', 8080, [33, 33, 33]), ...groups.slice(1)]).kind).toBe('waiting');
  });

  it('names the groups that the controller made in between', () => {
    expect(strayGroups(release, [...seen([33, 33, 33]), group('rsp-9', mark(8080), 8080, [])])).toEqual([
      `rsp-9 (${mark(8080)})`,
    ]);
  });
});
