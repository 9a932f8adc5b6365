import { createHash } from 'node:crypto';

/**
 * The elastic network interface of a pod address. Real ones come from DescribeNetworkInterfaces; here the address decides,
 * so that the controller, the seeding and the simulator agree without a registry.
 */
export function eniIdOf(address: string): string {
  return `eni-${createHash('sha256').update(address).digest('hex').slice(0, 17)}`;
}
