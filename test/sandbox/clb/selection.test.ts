import { describe, expect, it } from 'vitest';
import { listenerOf, loadBalancerOf } from '../../../src/sandbox/clb/load-balancer.ts';
import { allHealthy, backendAt, clbWith, front, region } from './fixture.ts';

const twenty = [
  ...Array.from({ length: 10 }, (_, n) => backendAt(`10.0.0.${n}`, 9)),
  ...Array.from({ length: 10 }, (_, n) => backendAt(`10.0.1.${n}`, 1)),
];

describe('the backend of the next request', () => {
  it('is every backend exactly as often as its weight says, over full cycles', () => {
    const model = clbWith(twenty);
    allHealthy(model, twenty);
    const counts = new Map<string, number>();
    for (let request = 0; request < 2000; request += 1) {
      const ip = model.pick(front, request)?.serverIp ?? 'none';
      counts.set(ip, (counts.get(ip) ?? 0) + 1);
    }
    for (const backend of twenty) expect(counts.get(backend.serverIp)).toBe(backend.weight * 20);
  });

  it('spreads the turns of one backend over the cycle', () => {
    const backends = [backendAt('a', 5), backendAt('b', 1), backendAt('c', 1)];
    const model = clbWith(backends);
    allHealthy(model, backends);
    const turns = Array.from({ length: 7 }, () => model.pick(front, 0)?.serverIp).join('');
    expect(turns).toBe('aabacaa');
  });

  it('is never one that is unchecked, unhealthy or of weight 0', () => {
    const [healthy, sick, unchecked, zero] = ['a', 'b', 'c', 'd'].map((ip) => backendAt(ip, ip === 'd' ? 0 : 50));
    if (!healthy || !sick || !unchecked || !zero) throw new Error('four backends expected');
    const model = clbWith([healthy, sick, unchecked, zero]);
    allHealthy(model, [healthy, zero]);
    model.recordCheck('rsp-pub-80', sick, false, 0);
    for (let request = 0; request < 20; request += 1) expect(model.pick(front, 0)?.serverIp).toBe('a');
  });

  it('may be unchecked where the listener has no health check', () => {
    const model = clbWith([]);
    model.put(
      loadBalancerOf({
        id: 'lb-public',
        address: '47.96.0.1',
        listeners: [listenerOf({ port: 80, protocol: 'http', vServerGroupId: 'g', healthCheck: 'off' })],
        groups: [{ id: 'g', name: 'g', backends: [backendAt('a', 1)] }],
      }),
    );
    expect(model.pick(front, 0)?.serverIp).toBe('a');
  });

  it('is another one, out of turn, where the one in turn was refused', () => {
    const backends = [backendAt('a', 1), backendAt('b', 1)];
    const model = clbWith(backends);
    allHealthy(model, backends);
    const first = model.pick(front, 0);
    expect(model.pick(front, 0, first === null ? {} : { refused: first })?.serverIp).toBe('b');
    expect(model.pick(front, 0)?.serverIp).toBe('b');
    const alone = clbWith([backendAt('a', 1)]);
    allHealthy(alone, [backendAt('a', 1)]);
    expect(alone.pick(front, 0, { refused: backendAt('a', 1) })).toBeNull();
  });

  it('is none where the listener is stopped, or has no backend', () => {
    const model = clbWith([]);
    expect(model.pick(front, 0)).toBeNull();
    const [lb] = model.loadBalancers(0);
    if (!lb) throw new Error('lb-public expected');
    const backends = [backendAt('a', 1)];
    const groups = lb.groups.map((group) => (group.id === 'rsp-pub-80' ? { ...group, backends } : group));
    model.put({ ...lb, groups });
    allHealthy(model, backends);
    expect(model.pick(front, 0)?.serverIp).toBe('a');
    model.put({ ...lb, groups, listeners: lb.listeners.map((one) => ({ ...one, status: 'stopped' as const })) });
    expect(model.pick(front, 0)).toBeNull();
  });

  it('goes on with its cycle when something changes that does not count', () => {
    const backends = [backendAt('a', 1), backendAt('b', 1)];
    const model = clbWith(backends);
    allHealthy(model, backends);
    expect(model.pick(front, 0)?.serverIp).toBe('a');
    model.call('TagResources', region({ ResourceType: 'instance', 'ResourceId.1': 'lb-public', 'Tag.1.Key': 'x' }), 0);
    expect(model.pick(front, 0)?.serverIp).toBe('b');
  });

  it('takes turns whatever the weights where the scheduler is rr', () => {
    const backends = [backendAt('a', 90), backendAt('b', 10), backendAt('c', 0)];
    const model = clbWith(backends);
    allHealthy(model, backends);
    const set = region({ LoadBalancerId: 'lb-public', ListenerPort: '80', Scheduler: 'rr' });
    expect(model.call('SetLoadBalancerHTTPListenerAttribute', set, 0).status).toBe(200);
    expect(Array.from({ length: 4 }, () => model.pick(front, 0)?.serverIp).join('')).toBe('abab');
  });
});

describe('the health of a backend', () => {
  const backend = backendAt('a', 10);

  it('is unavailable before the first check and decided by it', () => {
    const model = clbWith([backend]);
    expect(model.healthOf(front, backend, 0)).toBe('unavailable');
    model.recordCheck('rsp-pub-80', backend, false, 0);
    expect(model.healthOf(front, backend, 0)).toBe('abnormal');
  });

  it('turns only after three contrary checks in a row', () => {
    const model = clbWith([backend]);
    const statusAfter = (...results: boolean[]) => {
      for (const ok of results) model.recordCheck('rsp-pub-80', backend, ok, 0);
      return model.healthOf(front, backend, 0);
    };
    expect(statusAfter(true)).toBe('normal');
    expect(statusAfter(false, false)).toBe('normal');
    expect(statusAfter(true, false, false)).toBe('normal');
    expect(statusAfter(false)).toBe('abnormal');
    expect(statusAfter(true, true)).toBe('abnormal');
    expect(statusAfter(true)).toBe('normal');
  });

  it('is counted with the thresholds of each listener', () => {
    const model = clbWith([backend]);
    const thresholds = { LoadBalancerId: 'lb-public', ListenerPort: '80', UnhealthyThreshold: '2' };
    model.call('SetLoadBalancerHTTPListenerAttribute', region(thresholds), 0);
    for (const ok of [true, false, false]) model.recordCheck('rsp-pub-80', backend, ok, 0);
    expect(model.healthOf(front, backend, 0)).toBe('abnormal');
  });

  it('is unknown again for a backend that left and came back', () => {
    const model = clbWith([backend]);
    allHealthy(model, [backend]);
    const servers = JSON.stringify([{ ServerId: backend.serverId, ServerIp: 'a', Port: 8080, Type: 'eni' }]);
    const params = region({ VServerGroupId: 'rsp-pub-80', BackendServers: servers });
    model.call('RemoveVServerGroupBackendServers', params, 0);
    model.call('AddVServerGroupBackendServers', params, 0);
    expect(model.healthOf(front, backend, 0)).toBe('unavailable');
  });

  it('is told as abnormal at weight 0 where the option says so', () => {
    const zero = backendAt('z', 0);
    const checked = clbWith([zero]);
    const abnormal = clbWith([zero], { weightZeroHealth: 'abnormal' });
    for (const model of [checked, abnormal]) allHealthy(model, [zero]);
    expect(checked.healthOf(front, zero, 0)).toBe('normal');
    expect(abnormal.healthOf(front, zero, 0)).toBe('abnormal');
  });

  it('is checked at weight 0 too, with the interval of the listener', () => {
    const model = clbWith([backendAt('z', 0)]);
    expect(model.checkTargets(0)).toEqual([
      { vServerGroupId: 'rsp-pub-80', backend: backendAt('z', 0), intervalMs: 2000, timeoutMs: 5000 },
    ]);
  });
});
