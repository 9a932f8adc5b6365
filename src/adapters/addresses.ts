import { BlockList, isIP } from 'node:net';

/**
 * Where no request of ours goes, whoever named the address: a cloud hands out its own credentials on link-local and metadata
 * addresses, the unspecified one is this machine, and the others hide an IPv4 address of which nothing could be said.
 */
const forbidden = new BlockList();
forbidden.addSubnet('0.0.0.0', 8);
forbidden.addSubnet('169.254.0.0', 16);
forbidden.addAddress('100.100.100.200');
forbidden.addSubnet('224.0.0.0', 3);
forbidden.addSubnet('fe80::', 10, 'ipv6');
forbidden.addSubnet('fec0::', 10, 'ipv6');
forbidden.addSubnet('ff00::', 8, 'ipv6');
forbidden.addAddress('fd00:ec2::254', 'ipv6');
// IPv4 in IPv6: compatible (with ::), translated, NAT64, Teredo, 6to4. The mapped form counts as the IPv4 it is.
forbidden.addSubnet('::', 96, 'ipv6');
forbidden.addSubnet('::ffff:0:0:0', 96, 'ipv6');
forbidden.addSubnet('64:ff9b::', 96, 'ipv6');
forbidden.addSubnet('64:ff9b:1::', 48, 'ipv6');
forbidden.addSubnet('2001::', 32, 'ipv6');
forbidden.addSubnet('2002::', 16, 'ipv6');

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Addresses of the installation's own choice, `10.1.0.0/16` or a single one. */
export type Networks = BlockList;

/** @throws RangeError for what is no address or network; check with `isNetwork` before */
export function networksOf(texts: readonly string[]): Networks {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', bits] = text.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  return list;
}

/** Whether an address is this machine's own. */
export function isLoopback(address: string): boolean {
  return isIn(loopback, address);
}

/**
 * Whether a request may go to an address: only literal ones, as the socket will use them, since a name could be resolved to
 * anything. `only` narrows it further; null does not.
 */
export function mayReach(address: string, isLoopbackAllowed: boolean, only: Networks | null = null): boolean {
  if (isIP(address) === 0) return false;
  const isSafe = isLoopback(address) ? isLoopbackAllowed : !isIn(forbidden, address);
  return isSafe && (only === null || isIn(only, address));
}

function isIn(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
