import { describe, expect, it } from 'vitest';
import { ClbModel } from '../../../src/sandbox/clb/model.ts';
import type { Random } from '../../../src/sandbox/random.ts';
import { allHealthy, backendAt, clbWith, front, region } from './fixture.ts';

const eni = (ip: string, fields: object = {}) => ({
  ServerId: `eni-${ip}`,
  ServerIp: ip,
  Port: 8080,
  Type: 'eni',
  ...fields,
});
const servers = (...list: object[]) => JSON.stringify(list);
const lb = { LoadBalancerId: 'lb-public' };
const group = { VServerGroupId: 'rsp-pub-80' };

function answer(
  model: ClbModel,
  action: string,
  params: Record<string, string> = {},
  now = 0,
): Record<string, unknown> {
  const { status, body } = model.call(action, region(params), now);
  expect(body).not.toHaveProperty('Code');
  expect(status).toBe(200);
  return body;
}

function backendsOf(model: ClbModel, id = 'rsp-pub-80'): readonly Record<string, unknown>[] {
  const body = answer(model, 'DescribeVServerGroupAttribute', { VServerGroupId: id });
  return (body['BackendServers'] as { BackendServer: Record<string, unknown>[] }).BackendServer;
}

describe('reads', () => {
  const model = clbWith([backendAt('a', 60), backendAt('b', 0)]);

  it('find load balancers by id, name and tag, page by page', () => {
    const ids = (params: Record<string, string>) => answer(model, 'DescribeLoadBalancers', params)['TotalCount'];
    expect(ids({})).toBe(1);
    expect(ids({ LoadBalancerId: 'lb-other,lb-public' })).toBe(1);
    expect(ids({ LoadBalancerName: 'nobody' })).toBe(0);
    expect(ids({ 'Tag.1.Key': 'team', 'Tag.1.Value': 'shop' })).toBe(1);
    expect(ids({ Tags: '[{"TagKey":"team","TagValue":"other"}]' })).toBe(0);
    const second = answer(model, 'DescribeLoadBalancers', { PageNumber: '2' });
    expect(second).toMatchObject({ PageNumber: 2, PageSize: 10, LoadBalancers: { LoadBalancer: [] } });
  });

  it('tell a load balancer with its address, tags and listeners', () => {
    expect(answer(model, 'DescribeLoadBalancerAttribute', lb)).toMatchObject({
      LoadBalancerStatus: 'active',
      Address: '47.96.0.1',
      AddressType: 'internet',
      Tags: { Tag: [{ TagKey: 'team', TagValue: 'shop' }] },
      ListenerPortsAndProtocol: {
        ListenerPortAndProtocol: [
          { ListenerPort: 80, ListenerProtocol: 'http' },
          { ListenerPort: 443, ListenerProtocol: 'https' },
        ],
      },
    });
  });

  it('tell all listeners of a load balancer in one call, each with the part of its protocol', () => {
    const body = answer(model, 'DescribeLoadBalancerListeners', { 'LoadBalancerId.1': 'lb-public' });
    expect(body).toMatchObject({
      TotalCount: 2,
      NextToken: '',
      Listeners: [
        {
          LoadBalancerId: 'lb-public',
          ListenerPort: 80,
          ListenerProtocol: 'http',
          Status: 'running',
          Scheduler: 'wrr',
          VServerGroupId: 'rsp-pub-80',
          HTTPListenerConfig: { HealthCheck: 'on', StickySession: 'off', HealthyThreshold: 3 },
        },
        { ListenerPort: 443, HTTPSListenerConfig: { HealthCheck: 'on' } },
      ],
    });
  });

  it('go from page to page by token', () => {
    const first = answer(model, 'DescribeLoadBalancerListeners', { MaxResults: '1' });
    const token = String(first['NextToken']);
    const second = answer(model, 'DescribeLoadBalancerListeners', { MaxResults: '1', NextToken: token });
    expect(second).toMatchObject({ Listeners: [{ ListenerPort: 443 }], NextToken: '' });
  });

  it('tell one listener flat, and only to the call of its protocol', () => {
    const params = { ...lb, ListenerPort: '80' };
    expect(answer(model, 'DescribeLoadBalancerHTTPListenerAttribute', params)).toMatchObject({
      Scheduler: 'wrr',
      HealthCheck: 'on',
      IdleTimeout: 15,
      Rules: { Rule: [] },
    });
    expect(model.call('DescribeLoadBalancerTCPListenerAttribute', region(params), 0).body['Code']).toBe(
      'UnsupportedOperationonfixedprotocalport',
    );
  });

  it('tell groups, and what they are bound to where asked', () => {
    const plain = answer(model, 'DescribeVServerGroups', lb);
    const bound = answer(model, 'DescribeVServerGroups', { ...lb, IncludeListener: 'true', IncludeRule: 'true' });
    expect(plain).toMatchObject({
      VServerGroups: { VServerGroup: [{ AssociatedObjects: { Listeners: { Listener: [] } } }, {}, {}] },
    });
    expect(bound).toMatchObject({
      VServerGroups: {
        VServerGroup: [
          {
            VServerGroupId: 'rsp-pub-80',
            VServerGroupName: 'pub-80',
            ServerCount: 2,
            AssociatedObjects: { Listeners: { Listener: [{ Port: 80, Protocol: 'http' }] } },
          },
          {},
          {},
        ],
      },
    });
  });

  it('tell ports and weights as numbers, or as text where the option says so', () => {
    expect(backendsOf(model)[0]).toMatchObject({
      ServerId: 'eni-a',
      ServerIp: 'a',
      Port: 8080,
      Weight: 60,
      Type: 'eni',
    });
    const texts = clbWith([backendAt('a', 60)], { portsAndWeights: 'strings' });
    expect(backendsOf(texts)[0]).toMatchObject({ Port: '8080', Weight: '60' });
  });

  it('tell health by listener and backend', () => {
    allHealthy(model, [backendAt('a', 60)]);
    const body = answer(model, 'DescribeHealthStatus', { ...lb, ListenerPort: '80' });
    expect(body['BackendServers']).toMatchObject({
      BackendServer: [
        {
          ListenerPort: 80,
          Protocol: 'http',
          ServerId: 'eni-a',
          ServerIp: 'a',
          Port: 8080,
          ServerHealthStatus: 'normal',
        },
        { ServerId: 'eni-b', ServerHealthStatus: 'unavailable' },
      ],
    });
  });
});

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

describe('what a caller gets wrong', () => {
  const wrong: readonly [string, string, Record<string, string>, number, string][] = [
    ['an action that does not exist', 'DescribeEverything', {}, 404, 'InvalidAction.NotFound'],
    ['an action named like a property of every object', 'constructor', {}, 404, 'InvalidAction.NotFound'],
    ['a missing id', 'DescribeLoadBalancerAttribute', {}, 400, 'MissingParameter'],
    [
      'an unknown load balancer',
      'DescribeVServerGroups',
      { LoadBalancerId: 'lb-x' },
      404,
      'InvalidLoadBalancerId.NotFound',
    ],
    [
      'an unknown load balancer among those listed',
      'DescribeLoadBalancerListeners',
      { 'LoadBalancerId.1': 'lb-x' },
      404,
      'InvalidLoadBalancerId.NotFound',
    ],
    ['an unknown group', 'DescribeVServerGroupAttribute', { VServerGroupId: 'rsp-x' }, 404, 'InvalidParameter'],
    ['an unknown port', 'DescribeHealthStatus', { ...lb, ListenerPort: '81' }, 404, 'ListenerNotFound'],
    ['a port that is no number', 'DescribeHealthStatus', { ...lb, ListenerPort: '8o' }, 400, 'InvalidParameter'],
    ['a page size out of bounds', 'DescribeLoadBalancers', { PageSize: '101' }, 400, 'InvalidParameter'],
    ['a token that is not ours', 'DescribeLoadBalancerListeners', { NextToken: 'x' }, 400, 'InvalidParameter'],
    ['tags that are no JSON', 'DescribeLoadBalancers', { Tags: '[' }, 400, 'InvalidParameter'],
    [
      'servers that are no JSON',
      'SetVServerGroupAttribute',
      { ...group, BackendServers: '[{' },
      400,
      'BackendServersMalformed',
    ],
    [
      'servers that are no list',
      'SetVServerGroupAttribute',
      { ...group, BackendServers: '{}' },
      400,
      'BackendServersMalformed',
    ],
    ['servers that are missing', 'AddVServerGroupBackendServers', group, 400, 'MissingParameter'],
    [
      'a server without id',
      'AddVServerGroupBackendServers',
      { ...group, BackendServers: servers({ Port: 80 }) },
      400,
      'InvalidParameter',
    ],
    [
      'an interface without address',
      'AddVServerGroupBackendServers',
      { ...group, BackendServers: servers({ ServerId: 'eni-1', Port: 80, Type: 'eni' }) },
      400,
      'InvalidParameter',
    ],
    [
      'a server port out of bounds',
      'AddVServerGroupBackendServers',
      { ...group, BackendServers: servers({ ServerId: 'i', Port: 65_536 }) },
      400,
      'InvalidParameter',
    ],
    [
      'a weight over 100',
      'SetVServerGroupAttribute',
      { ...group, BackendServers: servers(eni('a', { Weight: 101 })) },
      400,
      'InvalidWeight.Malformed',
    ],
    [
      'a weight below 0',
      'SetVServerGroupAttribute',
      { ...group, BackendServers: servers(eni('a', { Weight: -1 })) },
      400,
      'InvalidWeight.Malformed',
    ],
    [
      'a weight that is no whole number',
      'SetVServerGroupAttribute',
      { ...group, BackendServers: servers(eni('a', { Weight: '12.5' })) },
      400,
      'InvalidWeight.Malformed',
    ],
    [
      'a backend that is not in the group',
      'SetVServerGroupAttribute',
      { ...group, BackendServers: servers(eni('x', { Weight: 1 })) },
      400,
      'ObtainIpFail',
    ],
    [
      '41 servers in one call',
      'AddVServerGroupBackendServers',
      { ...group, BackendServers: servers(...Array.from({ length: 41 }, (_, n) => eni(`n${n}`))) },
      400,
      'TooManyBackendServers',
    ],
    ['a group in use deleted', 'DeleteVServerGroup', group, 400, 'RspoolVipExist'],
    ['a group name with a space', 'CreateVServerGroup', { ...lb, VServerGroupName: 'a b' }, 400, 'InvalidParameter'],
    [
      'a scheduler that does not exist',
      'SetLoadBalancerHTTPListenerAttribute',
      { ...lb, ListenerPort: '80', Scheduler: 'fair' },
      400,
      'InvalidParameter',
    ],
    [
      'a threshold out of bounds',
      'SetLoadBalancerHTTPListenerAttribute',
      { ...lb, ListenerPort: '80', HealthyThreshold: '11' },
      400,
      'InvalidParameter',
    ],
    [
      'stickiness without its type',
      'SetLoadBalancerHTTPListenerAttribute',
      { ...lb, ListenerPort: '80', StickySession: 'on' },
      400,
      'MissingParameter',
    ],
    [
      'a listener bound to an unknown group',
      'SetLoadBalancerHTTPListenerAttribute',
      { ...lb, ListenerPort: '80', VServerGroupId: 'rsp-x' },
      404,
      'InvalidParameter',
    ],
    [
      'tags of something else than an instance',
      'ListTagResources',
      { ResourceType: 'certificate' },
      400,
      'InvalidParameter',
    ],
    [
      'no tags to put',
      'TagResources',
      { ResourceType: 'instance', 'ResourceId.1': 'lb-public' },
      400,
      'MissingParameter',
    ],
  ];

  it.each(wrong)('%s', (_what, action, params, status, code) => {
    const model = clbWith([backendAt('a', 60)]);
    const before = model.loadBalancers(0);
    const { status: answered, body } = model.call(action, region(params), 0);
    expect([answered, body['Code']]).toEqual([status, code]);
    expect(model.loadBalancers(0)).toEqual(before);
  });

  it('no region, or another one', () => {
    const model = clbWith([]);
    expect(model.call('DescribeLoadBalancers', {}, 0).body['Code']).toBe('MissingParameter');
    const elsewhere = model.call('DescribeLoadBalancers', { RegionId: 'cn-mars' }, 0);
    expect([elsewhere.status, elsewhere.body['Code']]).toEqual([404, 'InvalidRegionId.NotFound']);
  });

  it('more than 200 backends on one load balancer, or 50 attachments of one server', () => {
    const model = clbWith([]);
    const add = (list: object[]) =>
      model.call('AddVServerGroupBackendServers', region({ ...group, BackendServers: servers(...list) }), 0);
    for (let batch = 0; batch < 5; batch += 1) {
      expect(add(Array.from({ length: 40 }, (_, n) => eni(`${batch}.${n}`))).status).toBe(200);
    }
    expect(add([eni('one-more')]).body['Code']).toBe('InstanceBackendServerNumberOverLimit');
    const fresh = clbWith([]);
    const ports = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => ({ ServerId: 'i-1', Port: from + n }));
    for (const list of [ports(1, 40), ports(41, 10)]) {
      fresh.call('AddVServerGroupBackendServers', region({ ...group, BackendServers: servers(...list) }), 0);
    }
    const over = fresh.call(
      'AddVServerGroupBackendServers',
      region({ ...group, BackendServers: servers(...ports(51, 1)) }),
      0,
    );
    expect(over.body['Code']).toBe('OverQuota');
  });

  it('a description over 80 characters is kept, cut or refused, as the option says', () => {
    const long = 'k'.repeat(81);
    const lengthWith = (longDescription: 'keep' | 'truncate') => {
      const model = clbWith([], { servers: { longDescription } });
      answer(model, 'AddVServerGroupBackendServers', {
        ...group,
        BackendServers: servers(eni('a', { Description: long })),
      });
      return String(backendsOf(model)[0]?.['Description']).length;
    };
    expect([lengthWith('keep'), lengthWith('truncate')]).toEqual([81, 80]);
    const strict = clbWith([], { servers: { longDescription: 'reject' } });
    const params = region({ ...group, BackendServers: servers(eni('a', { Description: long })) });
    expect(strict.call('AddVServerGroupBackendServers', params, 0).body['Code']).toBe('InvalidParameterLength');
  });
});
