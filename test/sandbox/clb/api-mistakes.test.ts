import { describe, expect, it } from 'vitest';
import { answer, backendAt, backendsOf, clbWith, eni, group, lb, region, servers } from './fixture.ts';

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
