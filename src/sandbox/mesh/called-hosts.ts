import type { CalledHost } from '../data-plane/gateway-messages.ts';
import type { Host } from './subset-routing.ts';

/** What Bookinfo's page calls for each time it is shown, and whose subsets can be told apart. */
export const calledHosts: readonly (Pick<CalledHost, 'page' | 'path'> & Host)[] = [
  { namespace: 'default', name: 'reviews', page: '/productpage', path: '/reviews/0' },
];

/** As counters and the control API write a host. */
export function hostKey({ namespace, name }: Host): string {
  return `${namespace}/${name}`;
}
