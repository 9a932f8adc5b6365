import { describe, expect, it } from 'vitest';
import { type Listener, listenerOf, loadBalancerOf } from '../../../src/sandbox/clb/load-balancer.ts';
import type { ClbModel } from '../../../src/sandbox/clb/model.ts';
import { PersistenceBook } from '../../../src/sandbox/clb/persistence-book.ts';
import { allHealthy, answer, backendAt, clbWith, eni, front, group, lb, servers } from './fixture.ts';

const both = [backendAt('a', 50), backendAt('b', 50)];
const client = { address: '203.0.113.7', port: 40_000 };
const weights = (a: number, b: number) => ({
  ...group,
  BackendServers: servers(eni('a', { Weight: a }), eni('b', { Weight: b })),
});

function balancer(listener: Partial<Listener>): ClbModel {
  const model = clbWith([]);
  model.put(
    loadBalancerOf({
      id: 'lb-public',
      address: '47.96.0.1',
      listeners: [listenerOf({ port: 80, protocol: 'http', vServerGroupId: 'rsp-pub-80', ...listener })],
      groups: [{ id: 'rsp-pub-80', name: 'pub-80', backends: both }],
    }),
  );
  allHealthy(model, both);
  return model;
}

describe('a sticky session', () => {
  const sticky = { stickySession: 'on', stickySessionType: 'insert', cookieTimeoutS: 600 } as const;
  /** What a browser sends back of a Set-Cookie. */
  const kept = (model: ClbModel, now: number, cookie = '') => {
    const backend = model.pick(front, now, { cookie });
    if (backend === null) throw new Error('a backend expected');
    return { ip: backend.serverIp, cookie: model.stickyCookie(front, backend, cookie, now)?.split(';')[0] ?? '' };
  };

  it('keeps a client with its cookie at one backend, while others take turns', () => {
    const model = balancer(sticky);
    const first = kept(model, 0);
    for (let request = 0; request < 10; request += 1) expect(kept(model, 0, first.cookie).ip).toBe(first.ip);
    expect([kept(model, 0).ip, kept(model, 0).ip].sort()).toEqual(['a', 'b']);
  });

  it('pins the client regardless of weight, zero included', () => {
    const model = balancer(sticky);
    const { cookie } = kept(model, 0);
    answer(model, 'SetVServerGroupAttribute', weights(0, 100));
    expect(kept(model, 1000, cookie).ip).toBe('a');
    expect(kept(model, 1000).ip).toBe('b');
  });

  it('ends when the client was away for CookieTimeout, and goes on with every request before that', () => {
    const model = balancer(sticky);
    const first = kept(model, 0);
    const second = kept(model, 599_000, first.cookie);
    expect(second.ip).toBe('a');
    answer(model, 'SetVServerGroupAttribute', weights(0, 100));
    expect(kept(model, 600_000, first.cookie).ip).toBe('b');
    expect(kept(model, 1_198_000, second.cookie).ip).toBe('a');
    expect(second.cookie).toMatch(/^SERVERID=[0-9a-f]{32}\|599\|0$/);
  });

  it('goes to another backend where its own is unhealthy, gone or refuses', () => {
    const model = balancer(sticky);
    const { cookie } = kept(model, 0);
    const [a] = both;
    if (!a) throw new Error('a backend expected');
    expect(model.pick(front, 0, { cookie, refused: a })?.serverIp).toBe('b');
    for (let check = 0; check < 3; check += 1) model.recordCheck('rsp-pub-80', a, false, 0);
    expect(kept(model, 0, cookie).ip).toBe('b');
    for (let check = 0; check < 3; check += 1) model.recordCheck('rsp-pub-80', a, true, 0);
    expect(kept(model, 0, cookie).ip).toBe('a');
    answer(model, 'RemoveVServerGroupBackendServers', { ...group, BackendServers: servers(eni('a')) });
    expect(kept(model, 0, cookie).ip).toBe('b');
  });

  it('is not begun by a cookie that is made up, nor where it is off', () => {
    const model = balancer(sticky);
    const { cookie } = kept(model, 0);
    answer(model, 'SetVServerGroupAttribute', weights(0, 100));
    for (const other of ['SERVERID=a|0|0', cookie.replace(/=..../, '=0000'), `X${cookie}`]) {
      expect(kept(model, 0, other).ip).toBe('b');
    }
    expect(kept(model, 0, `theme=dark; ${cookie}; lang=en`).ip).toBe('a');
    answer(model, 'SetLoadBalancerHTTPListenerAttribute', { ...lb, ListenerPort: '80', StickySession: 'off' });
    expect(kept(model, 0, cookie)).toEqual({ ip: 'b', cookie: '' });
  });
});

describe('persistence by source address', () => {
  const persistent = { protocol: 'tcp', persistenceTimeoutS: 60 } as const;
  const ipAt = (model: ClbModel, now: number, address = client.address) =>
    model.pick(front, now, { client: { address, port: now % 60_000 } })?.serverIp;

  it('brings every connection of an address to one backend, whatever becomes of its weight', () => {
    const model = balancer(persistent);
    expect([ipAt(model, 0), ipAt(model, 1), ipAt(model, 2)]).toEqual(['a', 'a', 'a']);
    expect(ipAt(model, 3, '203.0.113.8')).toBe('b');
    answer(model, 'SetVServerGroupAttribute', weights(0, 100));
    expect(ipAt(model, 4)).toBe('a');
  });

  it('ends when the address was away for PersistenceTimeout', () => {
    const model = balancer(persistent);
    ipAt(model, 0);
    answer(model, 'SetVServerGroupAttribute', weights(0, 100));
    expect(ipAt(model, 59_999)).toBe('a');
    expect(ipAt(model, 119_998)).toBe('a');
    expect(ipAt(model, 179_998)).toBe('b');
    answer(model, 'SetVServerGroupAttribute', weights(100, 0));
    expect(ipAt(model, 180_000)).toBe('b');
  });

  it('is off at 0, and where the listener is HTTP', () => {
    for (const listener of [{ protocol: 'tcp' }, { protocol: 'http', persistenceTimeoutS: 60 }] as const) {
      const model = balancer(listener);
      expect([ipAt(model, 0), ipAt(model, 1), ipAt(model, 2)]).toEqual(['a', 'b', 'a']);
    }
  });

  it('forgets the address that was longest away where there are too many', () => {
    const book = new PersistenceBook();
    for (let number = 0; number < 20_000; number += 1) book.bind(`c${number}`, 'a', 1000);
    book.bind('c0', 'b', 1000);
    book.bind('one more', 'a', 1000);
    expect([book.backendOf('c0', 0), book.backendOf('c1', 0), book.backendOf('c2', 0)]).toEqual(['b', null, 'a']);
  });
});
