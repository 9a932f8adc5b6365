import { describe, expect, it } from 'vitest';
import { allHealthy, answer, backendAt, clbWith, front, lb, region } from './fixture.ts';

const at80 = { ...lb, ListenerPort: '80' };
const tcp = { ...lb, ListenerPort: '8080', VServerGroupId: 'rsp-pub-80' };

describe('a listener', () => {
  it('is created stopped, takes traffic when it is started, none when it is stopped, and goes when it is deleted', () => {
    const backends = [backendAt('a', 1)];
    const model = clbWith(backends);
    const ref = { loadBalancerId: 'lb-public', port: 8080 };
    answer(model, 'CreateLoadBalancerTCPListener', { ...tcp, Scheduler: 'wlc', PersistenceTimeout: '60' });
    allHealthy(model, backends);
    expect(model.listener(ref, 0)).toMatchObject({ protocol: 'tcp', status: 'stopped', scheduler: 'wlc' });
    expect(model.pick(ref, 0)).toBeNull();
    const named = { ...lb, ListenerPort: '8080', ListenerProtocol: 'TCP' };
    answer(model, 'StartLoadBalancerListener', named);
    expect(model.pick(ref, 0)?.serverIp).toBe('a');
    expect(answer(model, 'DescribeLoadBalancerTCPListenerAttribute', named)).toMatchObject({
      Status: 'running',
      PersistenceTimeout: 60,
      EstablishedTimeout: 900,
    });
    answer(model, 'StopLoadBalancerListener', named);
    expect(model.pick(ref, 0)).toBeNull();
    answer(model, 'DeleteLoadBalancerListener', named);
    expect(model.listener(ref, 0)).toBeNull();
  });

  it('of HTTP can be replaced by one of TCP, and back', () => {
    const backends = [backendAt('a', 1)];
    const model = clbWith(backends);
    allHealthy(model, backends);
    answer(model, 'DeleteLoadBalancerListener', at80);
    answer(model, 'CreateLoadBalancerTCPListener', { ...at80, VServerGroupId: 'rsp-pub-80' });
    expect(model.healthOf(front, backendAt('a', 1), 0)).toBe('unavailable');
    answer(model, 'DeleteLoadBalancerListener', at80);
    const http = { ...at80, VServerGroupId: 'rsp-pub-80', StickySession: 'off', HealthCheck: 'on' };
    answer(model, 'CreateLoadBalancerHTTPListener', http);
    expect(model.listener(front, 0)).toMatchObject({ protocol: 'http', scheduler: 'wrr', healthCheck: 'on' });
  });

  it('without a group serves the default one, in which nothing is', () => {
    const model = clbWith([backendAt('a', 1)]);
    answer(model, 'CreateLoadBalancerTCPListener', { ...lb, ListenerPort: '8080', BackendServerPort: '80' });
    answer(model, 'StartLoadBalancerListener', { ...lb, ListenerPort: '8080' });
    expect(model.pick({ loadBalancerId: 'lb-public', port: 8080 }, 0)).toBeNull();
  });

  it.each([
    ['a port that is taken', 'CreateLoadBalancerTCPListener', { ...tcp, ListenerPort: '80' }, 'ListenerAlreadyExists'],
    ['an unknown group', 'CreateLoadBalancerTCPListener', { ...tcp, VServerGroupId: 'rsp-x' }, 'InvalidParameter'],
    ['neither group nor port', 'CreateLoadBalancerTCPListener', { ...lb, ListenerPort: '81' }, 'MissingParameter'],
    ['a port out of bounds', 'CreateLoadBalancerTCPListener', { ...tcp, ListenerPort: '65536' }, 'InvalidParameter'],
    [
      'a timeout out of bounds',
      'CreateLoadBalancerTCPListener',
      { ...tcp, EstablishedTimeout: '9' },
      'InvalidParameter',
    ],
    ['no word on stickiness', 'CreateLoadBalancerHTTPListener', { ...tcp, HealthCheck: 'on' }, 'MissingParameter'],
    ['another protocol', 'StartLoadBalancerListener', { ...at80, ListenerProtocol: 'tcp' }, 'ListenerNotFound'],
    ['a protocol that is none', 'StopLoadBalancerListener', { ...at80, ListenerProtocol: 'ftp' }, 'InvalidParameter'],
    ['a port without listener', 'DeleteLoadBalancerListener', { ...lb, ListenerPort: '81' }, 'ListenerNotFound'],
  ])('is refused with %s, and nothing changes', (_what, action, params, code) => {
    const model = clbWith([backendAt('a', 1)]);
    const before = model.loadBalancers(0);
    expect(model.call(action, region(params), 0).body['Code']).toBe(code);
    expect(model.loadBalancers(0)).toEqual(before);
  });

  it('is one of fifty at most', () => {
    const model = clbWith([]);
    for (let port = 1; port <= 48; port += 1) {
      answer(model, 'CreateLoadBalancerTCPListener', { ...tcp, ListenerPort: String(1000 + port) });
    }
    expect(model.call('CreateLoadBalancerTCPListener', region(tcp), 0).body['Code']).toBe('OverQuota');
  });
});

describe('connections that are open', () => {
  const a = backendAt('a', 50);

  it('are told by listener and backend until they are closed, whatever becomes of the backend', () => {
    const model = clbWith([a]);
    model.opened(front, a);
    model.opened(front, a);
    const gone = {
      VServerGroupId: 'rsp-pub-80',
      BackendServers: '[{"ServerId":"eni-a","ServerIp":"a","Port":8080,"Type":"eni"}]',
    };
    answer(model, 'RemoveVServerGroupBackendServers', gone);
    expect(model.connections()).toEqual([{ listener: front, backend: a, open: 2 }]);
    model.closed(front, a);
    expect(model.connections()[0]?.open).toBe(1);
    model.closed(front, a);
    expect(model.connections()).toEqual([]);
    expect(() => model.closed(front, a)).toThrow('no connection is open');
  });

  it('stand on a backend of weight 0, not on one that is ill or gone', () => {
    const model = clbWith([a]);
    const stands = () => model.isStanding(front, a, 0);
    expect(stands()).toBe(false);
    allHealthy(model, [a]);
    expect(stands()).toBe(true);
    const servers = (fields: object) => ({
      VServerGroupId: 'rsp-pub-80',
      BackendServers: JSON.stringify([{ ServerId: 'eni-a', ServerIp: 'a', Port: 8080, Type: 'eni', ...fields }]),
    });
    answer(model, 'SetVServerGroupAttribute', servers({ Weight: 0 }));
    expect(stands()).toBe(true);
    for (let check = 0; check < 3; check += 1) model.recordCheck('rsp-pub-80', a, false, 0);
    expect(stands()).toBe(false);
    for (let check = 0; check < 3; check += 1) model.recordCheck('rsp-pub-80', a, true, 0);
    answer(model, 'RemoveVServerGroupBackendServers', servers({}));
    expect(stands()).toBe(false);
  });
});

describe('who watches the model', () => {
  it('is told of writes and of health that turns, and of nothing else', () => {
    const model = clbWith([backendAt('a', 1)]);
    let told = 0;
    const end = model.onChange(() => {
      told += 1;
    });
    model.recordCheck('rsp-pub-80', backendAt('a', 1), true, 0);
    expect(told).toBe(1);
    model.recordCheck('rsp-pub-80', backendAt('a', 1), true, 0);
    answer(model, 'DescribeLoadBalancers');
    model.pick(front, 0);
    expect(told).toBe(1);
    answer(model, 'StopLoadBalancerListener', at80);
    expect(told).toBe(2);
    end();
    answer(model, 'StartLoadBalancerListener', at80);
    expect(told).toBe(2);
  });
});
