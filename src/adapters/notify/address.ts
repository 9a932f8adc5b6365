import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { TerminalError } from '../../ports/errors.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Where a cloud hands out its own credentials, and addresses that mean this machine or its link. */
const forbidden = new BlockList();
forbidden.addSubnet('169.254.0.0', 16);
forbidden.addSubnet('0.0.0.0', 8);
forbidden.addAddress('100.100.100.200');
forbidden.addAddress('::', 'ipv6');
forbidden.addSubnet('fe80::', 10, 'ipv6');
forbidden.addAddress('fd00:ec2::254', 'ipv6');

/**
 * The address of a channel as a URL: https, or http to loopback where that is allowed.
 * @throws TerminalError that does not repeat the address
 */
export function channelUrl(name: string, resolve: () => string, isLoopbackAllowed: boolean): URL {
  const url = parsed(name, resolve);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isLocal = host === 'localhost' || isIn(loopback, host);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal && isLoopbackAllowed)) {
    throw new TerminalError(`channel ${name}: its address must begin with https://`);
  }
  if (isIP(host) && !isReachable(host, isLoopbackAllowed)) throw new TerminalError(refusal(name));
  return url;
}

function parsed(name: string, resolve: () => string): URL {
  const text = resolved(name, 'address', resolve);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url) throw new TerminalError(`channel ${name}: its address is no URL`);
  return url;
}

/** The value behind a reference; what went wrong is told without the cause, which may quote it. */
export function resolved(name: string, what: 'address' | 'secret', resolve: () => string): string {
  try {
    return resolve().trim();
  } catch {
    throw new TerminalError(`channel ${name}: the reference to its ${what} cannot be resolved`);
  }
}

/** Looks names up and refuses the same addresses: a name may point anywhere, and differently each time. */
export function guardedLookup(name: string, isLoopbackAllowed: boolean): LookupFunction {
  return (hostname: string, options: LookupOptions, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return callback(error, '', 0);
      const [first] = addresses;
      if (!first || addresses.some(({ address }) => !isReachable(address, isLoopbackAllowed))) {
        return callback(new TerminalError(refusal(name)), '', 0);
      }
      return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
}

function refusal(name: string): string {
  return `channel ${name}: its address leads to this machine, its link or the cloud's metadata`;
}

function isReachable(address: string, isLoopbackAllowed: boolean): boolean {
  return !isIn(forbidden, address) && (isLoopbackAllowed || !isIn(loopback, address));
}

function isIn(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
