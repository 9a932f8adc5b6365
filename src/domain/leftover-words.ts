import type { Leftover } from './leftover.ts';

/** What is left, for people: one line for each load balancer, or for several that are not told apart. */
export function leftoverLines(leftovers: readonly Leftover[]): readonly string[] {
  const [first] = leftovers;
  if (first === undefined) return [];
  const { side, direct, countedAtMs } = first;
  if (countedAtMs === null) return [`nobody counts at the ${side}: what is left there is not known`];
  const own = leftovers.filter(({ countedAt }) => countedAt === 'loadBalancer');
  const [shared, ...others] = leftovers.filter(({ countedAt }) => countedAt === 'gateway');
  const names = [shared, ...others].map((one) => one?.loadBalancer).join(', ');
  const gateway = others.length === 0 ? names : `${names} (one gateway, not told apart)`;
  return [
    ...own.map((one) => `${one.loadBalancer}: ${stateOf(one)}`),
    ...(shared === undefined ? [] : [`${gateway}: ${stateOf(shared)}`]),
    ...(direct === null || direct === 0 ? [] : [`${direct} requests a minute reach the ${side} past the CLB`]),
  ];
}

/** What can be done about it before the side is retired (reference E11, E34). */
export function leftoverAdvice(leftovers: readonly Leftover[]): readonly string[] {
  const [first] = leftovers;
  if (first === undefined) return [];
  const { side } = first;
  const isOpen = leftovers.some(({ connections, requests }) => (connections ?? 0) > 0 || (requests ?? 0) > 0);
  const isUnknown = leftovers.some(({ connections }) => connections === null);
  return [
    ...(isOpen
      ? [
          `before the ${side} is retired: wait until the old connections end, restart its gateway's pods gradually, or remove its backends with connection drain on`,
        ]
      : []),
    ...((first.direct ?? 0) > 0
      ? [`callers in the cluster use the name of the ${side}'s Service and never move: give them the other side's`]
      : []),
    ...(isUnknown ? [`see downstream_cx_active of the ${side}'s gateway before it is retired`] : []),
  ];
}

function stateOf(leftover: Leftover): string {
  const { side, connections, requests, direct, countedAt } = leftover;
  const isAnyWay = direct === null && countedAt === 'gateway';
  if (connections === null && isAnyWay && requests !== null && requests > 0) {
    return `${requests} requests in the last minute were still counted at the ${side}; nobody tells whether over old connections or past the CLB`;
  }
  const way = isAnyWay ? 'over old connections or past the CLB' : 'over old connections';
  const isBefore = requests === null ? ' when they were last counted, before its weight was 0' : '';
  const parts = [
    ...(connections === null || connections === 0 ? [] : [`${connections} connections open at the ${side}${isBefore}`]),
    ...(requests === null || requests === 0 ? [] : [`${requests} requests at the ${side} in the last minute ${way}`]),
  ];
  if (parts.length > 0) return parts.join(', ');
  const none = [
    ...(connections === 0 ? ['no connection is open'] : []),
    ...(requests === 0 ? ['no request came in the last minute'] : []),
  ];
  return none.length === 0 ? `not known at the ${side}` : `${none.join(' and ')} at the ${side}`;
}
