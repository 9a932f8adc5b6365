import { describe, expect, it } from 'vitest';
import { allHealthy, answer, backendAt, backendsOf, clbWith, lb, region } from './fixture.ts';

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
