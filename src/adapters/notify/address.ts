import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { TerminalError } from '../../ports/errors.ts';
import { isLoopback, mayReach } from '../addresses.ts';

/** Asks the system for all addresses of a name, as `dns.lookup` does. */
export type Resolve = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * The address of a channel as a URL: https, or http to loopback where that is allowed.
 * @throws TerminalError that does not repeat the address
 */
export function channelUrl(name: string, resolve: () => string, isLoopbackAllowed: boolean): URL {
  const url = parsed(name, resolve);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isLocal = host === 'localhost' || isLoopback(host);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal && isLoopbackAllowed)) {
    throw new TerminalError(`channel ${name}: its address must begin with https://`);
  }
  if (isIP(host) && !mayReach(host, isLoopbackAllowed)) throw new TerminalError(refusal(name));
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

/** @throws TerminalError where the installation names hosts for its channels and this is none of them */
export function checkHost(name: string, { hostname }: URL, hosts: readonly string[] | null): void {
  const isNamed = (entry: string) => (entry.startsWith('*.') ? hostname.endsWith(entry.slice(1)) : hostname === entry);
  if (hosts === null || hosts.some(isNamed)) return;
  throw new TerminalError(`channel ${name}: its address is on none of the hosts of SLUICE_CHANNEL_HOSTS`);
}

/**
 * Looks a name up once for one connection, which then goes to an address that was checked here: a name may point anywhere,
 * and differently each time it is asked.
 */
export function guardedLookup(name: string, isLoopbackAllowed: boolean, resolve: Resolve = lookup): LookupFunction {
  return (hostname: string, options: LookupOptions, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0);
      const [first] = addresses;
      if (!first || addresses.some(({ address }) => !mayReach(address, isLoopbackAllowed))) {
        return callback(new TerminalError(refusal(name)), '', 0);
      }
      return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
}

function refusal(name: string): string {
  return `channel ${name}: its address leads to this machine, its link or the cloud's metadata`;
}
