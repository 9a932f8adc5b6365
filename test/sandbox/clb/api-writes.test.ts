import { describe, expect, it } from 'vitest';
import { ClbModel } from '../../../src/sandbox/clb/model.ts';
import type { Random } from '../../../src/sandbox/random.ts';
import { answer, backendAt, backendsOf, clbWith, eni, front, group, lb, region, servers } from './fixture.ts';

describe('writes', () => {
  it('add backends once, with the defaults of what is not named', () => {
    const model = clbWith([]);
    const both = {
      ...group,
      BackendServers: servers(eni('a', { Weight: '7', Description: 'mine' }), { ServerId: 'i-1', Port: '30080' }),
    };
    answer(model, 'AddVServerGroupBackendServers', both);
    answer(model, 'AddVServerGroupBackendServers', { ...group, BackendServers: servers(eni('a', { Weight: 99 })) });
    expect(backendsOf(model)).toEqual([
      { ServerId: 'eni-a', ServerIp: 'a', Port: 8080, Weight: 7, Type: 'eni', Description: 'mine' },
      { ServerId: 'i-1', ServerIp: '', Port: 30080, Weight: 100, Type: 'ecs', Description: '' },
    ]);
  });

  it('set weight and description of the named backends and leave the others', () => {
    const model = clbWith([backendAt('a', 60), backendAt('b', 40)]);
    answer(model, 'SetVServerGroupAttribute', {
      ...group,
      VServerGroupName: 'renamed',
      BackendServers: servers(eni('b', { Weight: 5 })),
    });
    expect(backendsOf(model).map((one) => one['Weight'])).toEqual([60, 5]);
    expect(answer(model, 'DescribeVServerGroupAttribute', group)['VServerGroupName']).toBe('renamed');
  });

  it('tell interfaces of one id apart by address, and ECS servers by port', () => {
    const model = clbWith([]);
    const list = servers(
      eni('a', { ServerId: 'eni-1' }),
      eni('b', { ServerId: 'eni-1' }),
      { ServerId: 'i-1', Port: 1 },
      { ServerId: 'i-1', Port: 2 },
    );
    answer(model, 'AddVServerGroupBackendServers', { ...group, BackendServers: list });
    expect(backendsOf(model)).toHaveLength(4);
    answer(model, 'RemoveVServerGroupBackendServers', {
      ...group,
      BackendServers: servers({ ServerId: 'i-1', Port: 2 }),
    });
    expect(backendsOf(model)).toHaveLength(3);
  });

  it('create a group and delete it again', () => {
    const model = clbWith([]);
    const made = answer(model, 'CreateVServerGroup', {
      ...lb,
      VServerGroupName: 'k8s/80/web/default/c1',
      BackendServers: servers(eni('a')),
    });
    const id = String(made['VServerGroupId']);
    expect(id).toMatch(/^rsp-/);
    expect(backendsOf(model, id)).toHaveLength(1);
    answer(model, 'DeleteVServerGroup', { VServerGroupId: id });
    expect(model.call('DescribeVServerGroupAttribute', region({ VServerGroupId: id }), 0).status).toBe(404);
  });

  it('set scheduler, health check and stickiness of a listener', () => {
    const model = clbWith([]);
    answer(model, 'SetLoadBalancerHTTPListenerAttribute', {
      ...lb,
      ListenerPort: '80',
      Scheduler: 'rr',
      HealthCheck: 'off',
      StickySession: 'on',
      StickySessionType: 'insert',
      CookieTimeout: '600',
    });
    expect(model.listener(front, 0)).toMatchObject({
      scheduler: 'rr',
      healthCheck: 'off',
      stickySession: 'on',
      cookieTimeoutS: 600,
    });
    expect(model.call('DescribeHealthStatus', region({ ...lb, ListenerPort: '80' }), 0).body['Code']).toBe(
      'CheckedListenerNotFound',
    );
  });

  it('put tags and take them away; without a key all go', () => {
    const model = clbWith([]);
    const one = { ResourceType: 'instance', 'ResourceId.1': 'lb-public' };
    answer(model, 'TagResources', { ...one, 'Tag.1.Key': 'a', 'Tag.1.Value': '1', 'Tag.2.Key': 'b' });
    answer(model, 'UntagResources', { ...one, 'TagKey.1': 'a' });
    const keys = () => {
      const body = answer(model, 'ListTagResources', one)['TagResources'] as { TagResource: { TagKey: string }[] };
      return body.TagResource.map((tag) => tag.TagKey);
    };
    expect(keys()).toEqual(['team', 'b']);
    answer(model, 'UntagResources', one);
    expect(keys()).toEqual([]);
  });

  it('make a load balancer and delete it', () => {
    const model = clbWith([]);
    const made = answer(model, 'CreateLoadBalancer', { LoadBalancerName: 'a1', AddressType: 'intranet' });
    expect(answer(model, 'DescribeLoadBalancers', { LoadBalancerName: 'a1' })['TotalCount']).toBe(1);
    answer(model, 'DeleteLoadBalancer', { LoadBalancerId: String(made['LoadBalancerId']) });
    expect(answer(model, 'DescribeLoadBalancers')['TotalCount']).toBe(1);
  });
});

describe('the write lock of an instance', () => {
  const weight = (value: number) => ({ ...group, BackendServers: servers(eni('a', { Weight: value })) });

  it('refuses a second write while the first is being configured, and tells it as the vendor does', () => {
    const model = clbWith([backendAt('a', 60)], { busyMs: { min: 500, max: 500 } });
    answer(model, 'SetVServerGroupAttribute', weight(50), 1000);
    const refused = model.call('SetVServerGroupAttribute', region(weight(40)), 1499);
    expect(refused.status).toBe(409);
    expect(refused.body).toMatchObject({
      Code: 'BackendServer.configuring',
      Message: 'A previous configuration of the load balancer is pending; please try again later.',
      HostId: 'slb.aliyuncs.com',
    });
    expect(refused.body['RequestId']).toMatch(/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/);
    expect(backendsOf(model)[0]?.['Weight']).toBe(50);
    answer(model, 'SetVServerGroupAttribute', weight(40), 1500);
  });

  it('is of 200 to 1500 ms, by the seed', () => {
    const lockMs = (at: 'from' | 'to') => {
      const random: Random = { next: () => 0, between: (from, to) => (at === 'from' ? from : to) };
      const model = new ClbModel({ random });
      const [seed] = clbWith([backendAt('a', 60)]).loadBalancers(0);
      if (seed) model.put(seed);
      answer(model, 'SetVServerGroupAttribute', weight(50), 0);
      return [199, 200, 1499, 1500].filter(
        (now) => model.call('SetVServerGroupAttribute', region({ ...group }), now).status === 200,
      )[0];
    };
    expect([lockMs('from'), lockMs('to')]).toEqual([200, 1500]);
  });

  it('leaves reads, tags and other instances alone', () => {
    const model = clbWith([backendAt('a', 60)], { busyMs: { min: 500, max: 500 } });
    const other = String(answer(model, 'CreateLoadBalancer', {})['LoadBalancerId']);
    answer(model, 'SetVServerGroupAttribute', weight(50));
    answer(model, 'DescribeLoadBalancerAttribute', lb);
    answer(model, 'TagResources', { ResourceType: 'instance', 'ResourceId.1': 'lb-public', 'Tag.1.Key': 'x' });
    answer(model, 'CreateVServerGroup', { LoadBalancerId: other });
    expect(model.call('CreateVServerGroup', region(lb), 0).status).toBe(409);
  });

  it('shows the write only when it is over, where the option says so', () => {
    const model = clbWith([backendAt('a', 60)], { busyMs: { min: 500, max: 500 }, applies: 'afterBusy' });
    answer(model, 'SetVServerGroupAttribute', weight(50), 0);
    answer(model, 'TagResources', { ResourceType: 'instance', 'ResourceId.1': 'lb-public', 'Tag.1.Key': 'x' }, 100);
    const seen = (now: number) => model.loadBalancers(now)[0]?.groups[0]?.backends[0]?.weight;
    expect(seen(499)).toBe(60);
    expect(seen(500)).toBe(50);
    expect(model.loadBalancers(500)[0]?.tags).toEqual({ team: 'shop', x: '' });
  });
});
