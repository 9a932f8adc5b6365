import { describe, expect, it } from 'vitest';
import { clientHash } from '../../../src/sandbox/clb/client-hash.ts';
import type { ClbBackend } from '../../../src/sandbox/clb/load-balancer.ts';
import type { ClbModel } from '../../../src/sandbox/clb/model.ts';
import { weightedLeastConnections } from '../../../src/sandbox/clb/weighted-least-connections.ts';
import { allHealthy, answer, backendAt, clbWith, eni, front, group, lb, servers } from './fixture.ts';

/** As the cloud controller spreads 90 and 10 over ten backends each: 10 per cent are asked and achieved. */
const source = Array.from({ length: 10 }, (_, n) => backendAt(`10.0.0.${n}`, 9));
const target = Array.from({ length: 10 }, (_, n) => backendAt(`10.0.1.${n}`, 1));

function balancer(backends: readonly ClbBackend[], scheduler: string): ClbModel {
  const model = clbWith(backends);
  allHealthy(model, backends);
  answer(model, 'SetLoadBalancerHTTPListenerAttribute', { ...lb, ListenerPort: '80', Scheduler: scheduler });
  return model;
}

/** Per cent of the requests that a model gives the target, each from a client of its own. */
function shareOf(model: ClbModel, requests: number, isKeptOpen = false, from = 0): number {
  let toTarget = 0;
  for (let request = from; request < from + requests; request += 1) {
    const client = { address: `198.51.${request % 100}.${Math.floor(request / 100) % 250}`, port: 40_000 + request };
    const backend = model.pick(front, 0, { client });
    if (backend === null) throw new Error('a backend expected');
    if (isKeptOpen) model.opened(front, backend);
    if (backend.serverIp.startsWith('10.0.1.')) toTarget += 1;
  }
  return (100 * toTarget) / requests;
}

describe('the share that the target gets of 20,000 requests where 10 per cent are achieved', () => {
  it('is exactly that with wrr', () => {
    expect(shareOf(balancer([...source, ...target], 'wrr'), 20_000)).toBe(10);
  });

  it('stays within a point of the weights with wrr, whatever the weights', () => {
    for (const [ours, theirs] of [
      [57, 1],
      [33, 3],
      [1, 100],
      [79, 39],
    ] as const) {
      const backends = [...[1, 2, 3].map((n) => backendAt(`a${n}`, ours)), backendAt('10.0.1.1', theirs)];
      const achieved = (100 * theirs) / (3 * ours + theirs);
      expect(Math.abs(shareOf(balancer(backends, 'wrr'), 20_000) - achieved)).toBeLessThan(1);
    }
  });

  it('is half with rr, which knows only zero and not zero', () => {
    expect(shareOf(balancer([...source, ...target], 'rr'), 20_000)).toBe(50);
    const off = target.map((backend) => ({ ...backend, weight: 0 }));
    expect(shareOf(balancer([...source, ...off], 'rr'), 20_000)).toBe(0);
  });

  it('is by weight with wlc where nothing stays open', () => {
    expect(shareOf(balancer([...source, ...target], 'wlc'), 20_000)).toBe(10);
  });

  it('is near the weights with sch and tch over thousands of clients, and not exact', () => {
    for (const scheduler of ['sch', 'tch', 'qch']) {
      expect(Math.abs(shareOf(balancer([...source, ...target], scheduler), 20_000) - 10)).toBeLessThan(3);
    }
  });
});

describe('least connections', () => {
  it('gives a side that comes new everything until it has caught up with the old one', () => {
    const model = balancer(source, 'wlc');
    expect(shareOf(model, 900, true)).toBe(0);
    const added = servers(...target.map(({ serverIp }) => eni(serverIp, { Weight: 1 })));
    answer(model, 'AddVServerGroupBackendServers', { ...group, BackendServers: added });
    allHealthy(model, target);
    expect(shareOf(model, 100, true)).toBe(100);
    expect(shareOf(model, 1000, true)).toBe(10);
  });

  it('counts what is closed as closed', () => {
    const model = balancer([backendAt('a', 1), backendAt('b', 1)], 'wlc');
    for (const ip of ['a', 'b', 'b']) model.opened(front, backendAt(ip, 1));
    expect(model.pick(front, 0)?.serverIp).toBe('a');
    for (const ip of ['b', 'b']) model.closed(front, backendAt(ip, 1));
    expect(model.pick(front, 0)?.serverIp).toBe('b');
  });

  it('weighs connections by weight, and takes another where one refuses', () => {
    const open: Record<string, number> = { small: 1, big: 5 };
    const scheduler = weightedLeastConnections(
      ['small', 'big'],
      (item) => (item === 'big' ? 10 : 1),
      (item) => open[item] ?? 0,
    );
    const client = { address: '', port: 0 };
    expect(scheduler.next(client)).toBe('big');
    expect(scheduler.insteadOf((item) => item === 'big', client)).toBe('small');
    expect(scheduler.insteadOf(() => true, client)).toBeNull();
  });
});

describe('hashing by client', () => {
  const items = Array.from({ length: 10 }, (_, n) => ({ name: `b${n}`, weight: 10 }));
  const clients = Array.from({ length: 500 }, (_, n) => ({ address: `203.0.113.${n}`, port: 50_000 + n }));
  const hashing = (among: readonly { name: string; weight: number }[]) =>
    clientHash(
      among,
      (item) => item.weight,
      (item) => item.name,
      ({ address }) => address,
    );
  const chosen = (among: typeof items) => clients.map((client) => hashing(among).next(client)?.name);

  it('gives one client the same backend every time, by address with sch, by port too with tch', () => {
    const backends = [...source, ...target];
    const distinct = (scheduler: string) => {
      const model = balancer(backends, scheduler);
      const picks = Array.from({ length: 50 }, (_, n) =>
        model.pick(front, 0, { client: { address: '203.0.113.7', port: 40_000 + n } }),
      );
      return new Set(picks.map((backend) => backend?.serverIp)).size;
    };
    expect(distinct('sch')).toBe(1);
    expect(distinct('tch')).toBeGreaterThan(5);
  });

  it('moves only the clients of a backend that goes', () => {
    const before = chosen(items);
    const after = chosen(items.slice(1));
    for (const [index, name] of before.entries()) {
      if (name === 'b0') expect(after[index]).not.toBe('b0');
      else expect(after[index]).toBe(name);
    }
    expect(before.filter((name) => name === 'b0').length).toBeGreaterThan(20);
  });

  it('moves clients only towards a backend whose weight rises', () => {
    const before = chosen(items);
    const after = chosen(items.map((item) => (item.name === 'b1' ? { ...item, weight: 50 } : item)));
    const moved = after.filter((name, index) => name !== before[index]);
    expect(moved.length).toBeGreaterThan(50);
    expect(new Set(moved)).toEqual(new Set(['b1']));
  });

  it('has another for each client where one refuses, and none where all do', () => {
    const [client] = clients;
    if (!client) throw new Error('a client expected');
    const first = hashing(items).next(client);
    expect(hashing(items).insteadOf((item) => item === first, client)).not.toBe(first);
    expect(hashing(items).insteadOf(() => true, client)).toBeNull();
  });
});

describe('a change of the scheduler', () => {
  it('holds from the next request on', () => {
    const backends = [backendAt('a', 3), backendAt('b', 1)];
    const model = balancer(backends, 'wrr');
    const four = () => Array.from({ length: 4 }, () => model.pick(front, 0)?.serverIp).join('');
    expect(four()).toBe('aaba');
    answer(model, 'SetLoadBalancerHTTPListenerAttribute', { ...lb, ListenerPort: '80', Scheduler: 'rr' });
    expect(four()).toBe('abab');
    answer(model, 'SetLoadBalancerHTTPListenerAttribute', { ...lb, ListenerPort: '80', Scheduler: 'wrr' });
    expect(four()).toBe('aaba');
  });
});
