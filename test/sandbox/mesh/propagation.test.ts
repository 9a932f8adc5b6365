import { describe, expect, it } from 'vitest';
import { Propagation } from '../../../src/sandbox/mesh/propagation.ts';

describe('a change on its way through a mesh', () => {
  it('takes effect when its time has passed, and not before', () => {
    const routes = new Propagation('old', 1000);
    routes.write('new', 5000);
    expect([routes.written, routes.inForce(5999), routes.nextAtMs()]).toEqual(['new', 'old', 6000]);
    expect([routes.inForce(6000), routes.nextAtMs()]).toEqual(['new', null]);
  });

  it('does not wait for the one before it, nor overtake it', () => {
    const routes = new Propagation('a', 1000);
    routes.write('b', 100);
    routes.write('c', 900);
    expect([1099, 1100, 1899, 1900].map((now) => routes.inForce(now))).toEqual(['a', 'b', 'b', 'c']);
  });

  it('is skipped where a later one has arrived as well', () => {
    const routes = new Propagation('a', 10);
    routes.write('b', 0);
    routes.write('c', 5);
    expect(routes.inForce(50)).toBe('c');
  });

  it('is at once there where the mesh takes no time', () => {
    const routes = new Propagation('a', 0);
    routes.write('b', 7);
    expect(routes.inForce(7)).toBe('b');
  });

  it('is kept where very many are on their way', () => {
    const routes = new Propagation(0, 1000);
    for (let n = 1; n <= 1000; n += 1) routes.write(n, n);
    expect(routes.inForce(1050)).toBe(50);
    expect([routes.written, routes.inForce(2000), routes.nextAtMs()]).toEqual([1000, 1000, null]);
  });
});
