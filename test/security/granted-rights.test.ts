import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clbClient } from '../../src/adapters/clb/clb-client.ts';
import { systemClock } from '../../src/adapters/system-clock.ts';
import { startOpenApi } from '../../src/sandbox/clb/open-api.ts';
import { sandboxClock } from '../../src/sandbox/clock.ts';
import { Faults } from '../../src/sandbox/faults.ts';
import { type AccessRule, isAllowed } from '../../src/sandbox/kubernetes/access.ts';
import { permits } from '../../src/sandbox/ram.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import type { Role } from '../../src/sandbox/roles.ts';
import { documentedRoles } from '../fixtures/least-privilege.ts';
import { backendAt, clbWith } from '../sandbox/clb/fixture.ts';

const accountId = '1234567890123456';
let roles: Readonly<Record<'migration' | 'schedule' | 'watchdog', Role>>;
const closings: (() => Promise<void>)[] = [];
beforeAll(async () => {
  roles = await documentedRoles('lb-public');
});
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

async function clbAs(role: Role, loadBalancer = 'lb-public') {
  const clock = sandboxClock(1);
  const keys = { accessKeyId: 'LTAIrole', accessKeySecret: 'secret-of-the-role' };
  const model = clbWith([backendAt('a', 60)]);
  const [own] = model.loadBalancers(0);
  if (own === undefined) throw new Error('no load balancer');
  model.put({ ...own, id: 'lb-other', groups: [{ id: 'rsp-other', name: 'other', backends: [] }], listeners: [] });
  const api = await startOpenApi({
    model,
    clock,
    faults: new Faults(seededRandom(1), clock.now),
    random: seededRandom(2),
    regionId: 'cn-hangzhou',
    accountId,
    credentials: [{ ...keys, policy: role.cloud }],
    kubeconfigOf: () => null,
  });
  closings.push(() => api.stop());
  const client = clbClient({
    region: 'cn-hangzhou',
    endpoint: api.endpoint,
    protocol: 'http',
    credentials: () => keys,
    clock: systemClock(),
  });
  const group = loadBalancer === 'lb-public' ? 'rsp-pub-80' : 'rsp-other';
  return {
    attribute: () => client.describeLoadBalancerAttribute(loadBalancer),
    listeners: () => client.describeLoadBalancerListeners(loadBalancer),
    groups: () => client.describeVServerGroups(loadBalancer),
    group: () => client.describeVServerGroupAttribute(group),
    health: () => client.describeHealthStatus(loadBalancer),
    tags: () => client.listTagResources(loadBalancer),
    set: () => client.setVServerGroupAttribute(group, []),
  };
}

/** Which of the calls the CLB refuses for want of a right. */
async function refusedTo(role: Role, loadBalancer?: string): Promise<readonly string[]> {
  const calls = await clbAs(role, loadBalancer);
  const refused: string[] = [];
  for (const [name, call] of Object.entries(calls)) {
    const error = await call().then(
      () => null,
      (reason: unknown) => String(reason),
    );
    if (error?.includes('Forbidden.RAM')) refused.push(name);
  }
  return refused;
}

describe('at the CLB', () => {
  it('each role may call what is granted to it, and nothing else', async () => {
    expect(await refusedTo(roles.migration)).toEqual([]);
    expect(await refusedTo(roles.watchdog)).toEqual(['attribute', 'listeners', 'groups', 'tags']);
    expect(await refusedTo(roles.schedule)).toEqual([
      'attribute',
      'listeners',
      'groups',
      'group',
      'health',
      'tags',
      'set',
    ]);
  });

  it('another load balancer of the account is out of reach, its vServer groups too', async () => {
    for (const role of Object.values(roles)) expect(await refusedTo(role, 'lb-other')).toHaveLength(7);
  });

  it('nothing can be made, deleted or rebound by any of them', () => {
    const own = `acs:slb:cn-hangzhou:${accountId}:loadbalancer/lb-public`;
    const actions = [
      'slb:DeleteLoadBalancer',
      'slb:CreateLoadBalancer',
      'slb:DeleteVServerGroup',
      'slb:AddVServerGroupBackendServers',
      'slb:RemoveVServerGroupBackendServers',
      'slb:SetLoadBalancerHTTPListenerAttribute',
      'slb:StopLoadBalancerListener',
      'slb:*',
    ];
    for (const { cloud } of Object.values(roles)) {
      expect(actions.filter((action) => permits(cloud, action, own))).toEqual([]);
    }
  });
});

describe('at the other services of the cloud', () => {
  it('a role fetches the kubeconfigs of its cluster and its mesh, and invokes the step function alone', () => {
    const step = `acs:fc:cn-hangzhou:${accountId}:functions/step`;
    const watchdog = `acs:fc:cn-hangzhou:${accountId}:functions/watchdog`;
    const invokes = (role: Role, resource: string) => permits(role.cloud, 'fc:InvokeFunction', resource);
    expect(Object.values(roles).map((role) => invokes(role, step))).toEqual([true, true, false]);
    expect(Object.values(roles).map((role) => invokes(role, watchdog))).toEqual([false, false, false]);
    for (const { cloud } of Object.values(roles)) {
      const other = `acs:cs:cn-hangzhou:${accountId}:cluster/cOfSomebodyElse`;
      expect(permits(cloud, 'cs:DescribeClusterUserKubeconfig', other)).toBe(false);
      const [own = ''] =
        cloud.find(({ actions }) => actions.includes('cs:DescribeClusterUserKubeconfig'))?.resources ?? [];
      expect(permits(cloud, 'cs:DescribeClusterUserKubeconfig', own)).toBe(true);
    }
  });
});

describe('in the clusters', () => {
  const attempt = (verb: string, group: string, plural: string, namespace = 'istio-system') => ({
    verb,
    group,
    plural,
    subresource: '',
    namespace,
    name: 'x',
  });
  const may = (rules: readonly AccessRule[], ...words: Parameters<typeof attempt>) =>
    isAllowed(rules, attempt(...words));

  it('nobody deletes, replaces, reads secrets, looks into another namespace or changes RBAC', () => {
    for (const { ack, asm } of Object.values(roles)) {
      for (const rules of [ack, asm]) {
        expect(rules.length).toBeGreaterThan(0);
        for (const verb of ['delete', 'deletecollection', 'update', '*']) {
          expect(may(rules, verb, '', 'services')).toBe(false);
          expect(may(rules, verb, 'istio.alibabacloud.com', 'istiogateways')).toBe(false);
          expect(may(rules, verb, '', 'configmaps')).toBe(false);
        }
        for (const verb of ['get', 'list']) expect(may(rules, verb, '', 'secrets')).toBe(false);
        expect(may(rules, 'patch', '', 'services', 'kube-system')).toBe(false);
        expect(may(rules, 'list', '', 'services', '')).toBe(false);
        expect(may(rules, 'create', 'rbac.authorization.k8s.io', 'rolebindings')).toBe(false);
      }
    }
  });

  it('the schedule changes nothing, and the watchdog makes nothing', () => {
    const writes = ['create', 'patch'] as const;
    const kinds = [
      ['', 'services'],
      ['', 'configmaps'],
      ['istio.alibabacloud.com', 'istiogateways'],
    ] as const;
    const allowed = (rules: readonly AccessRule[]) =>
      writes.flatMap((verb) =>
        kinds.filter(([group, kind]) => may(rules, verb, group, kind)).map(([, kind]) => `${verb} ${kind}`),
      );
    const all = ({ ack, asm }: Role) => [...allowed(ack), ...allowed(asm)];
    expect(all(roles.schedule)).toEqual([]);
    expect(all(roles.watchdog)).toEqual(['patch services', 'patch configmaps', 'patch istiogateways']);
    expect(all(roles.migration)).toEqual([
      'create configmaps',
      'patch services',
      'patch configmaps',
      'patch istiogateways',
    ]);
  });
});
