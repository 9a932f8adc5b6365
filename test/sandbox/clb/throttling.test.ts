import { describe, expect, it } from 'vitest';
import type { ClbModel } from '../../../src/sandbox/clb/model.ts';
import { backendAt, clbWith, group, lb, region } from './fixture.ts';

const codes = (model: ClbModel, action: string, calls: number, now: number) =>
  Array.from({ length: calls }, () => model.call(action, region({ ...lb, ...group }), now).body['Code'] ?? 'ok');

describe('flow control', () => {
  it('lets a burst through, refuses the rest as the vendor does, and fills up with time', () => {
    const model = clbWith([], { callLimit: { burst: 3, perSecond: 2 } });
    expect(codes(model, 'DescribeVServerGroups', 4, 0)).toEqual(['ok', 'ok', 'ok', 'Throttling.User']);
    const refused = model.call('DescribeVServerGroups', region(lb), 499);
    expect(refused).toMatchObject({
      status: 400,
      body: { Code: 'Throttling.User', Message: 'Request was denied due to user flow control.' },
    });
    expect(codes(model, 'DescribeVServerGroups', 2, 500)).toEqual(['ok', 'Throttling.User']);
    expect(codes(model, 'DescribeVServerGroups', 4, 60_000)).toEqual(['ok', 'ok', 'ok', 'Throttling.User']);
  });

  it('counts each action by itself', () => {
    const model = clbWith([], { callLimit: { burst: 1, perSecond: 1 } });
    expect(codes(model, 'DescribeVServerGroups', 2, 0)).toEqual(['ok', 'Throttling.User']);
    expect(codes(model, 'DescribeVServerGroupAttribute', 1, 0)).toEqual(['ok']);
  });

  it('refuses before anything is changed or locked', () => {
    const model = clbWith([backendAt('a', 60)], { callLimit: { burst: 0, perSecond: 0 }, busyMs: { min: 9, max: 9 } });
    const before = model.loadBalancers(0);
    expect(codes(model, 'SetVServerGroupAttribute', 2, 0)).toEqual(['Throttling.User', 'Throttling.User']);
    expect(model.loadBalancers(0)).toEqual(before);
  });

  it('is there or not as it is switched, and starts full', () => {
    const model = clbWith([]);
    expect(codes(model, 'DescribeVServerGroups', 500, 0)).toEqual(Array(500).fill('ok'));
    model.limitCalls({ burst: 1, perSecond: 0 });
    expect(codes(model, 'DescribeVServerGroups', 2, 0)).toEqual(['ok', 'Throttling.User']);
    model.limitCalls({ burst: 2, perSecond: 0 });
    expect(codes(model, 'DescribeVServerGroups', 3, 0)).toEqual(['ok', 'ok', 'Throttling.User']);
    model.limitCalls(null);
    expect(codes(model, 'DescribeVServerGroups', 3, 0)).toEqual(['ok', 'ok', 'ok']);
  });
});
