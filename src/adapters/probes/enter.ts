import type { EntryQuestion, EntryReply } from '../../ports/probe.ts';
import { mayReach } from '../addresses.ts';
import { exchange, type Place, readBody, reasonOf } from './exchange.ts';
import type { HttpProbeOptions } from './http-probe.ts';

/** Where the entries of load balancers are, by id and port, in the place of their addresses. */
export type Entries = Readonly<Record<string, Readonly<Record<string, string>>>>;

const bodyBytesMax = 64 * 1024;

/** One request at the address of a load balancer, as a client sends it. Never throws. */
export async function enter(question: EntryQuestion, options: HttpProbeOptions): Promise<EntryReply> {
  const place = placeOf(question, options.entries ?? null);
  if (place === null) return { isOk: null, detail: 'where its entry is, is not known here' };
  if (!mayReach(place.address, options.allowLoopback ?? false, options.networks)) {
    return { isOk: null, detail: `${place.address} is not an address that is probed` };
  }
  const startedAtMs = options.clock.now();
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(question.timeoutMs / (options.speed ?? 1))));
  try {
    const response = await exchange(question, place, options.certificates ?? null, signal);
    await readBody(response, bodyBytesMax, () => undefined);
    const status = response.statusCode ?? 0;
    const isOk = question.status === null ? status < 500 : status === question.status;
    const took = `${options.clock.now() - startedAtMs} ms`;
    return { isOk, detail: isOk ? `${status} in ${took}` : `${status}, not ${question.status ?? 'below 500'}` };
  } catch (error) {
    return { isOk: false, detail: signal.aborted ? `no answer within ${question.timeoutMs} ms` : reasonOf(error) };
  }
}

/** A sandbox's load balancers have addresses that lead out of it: there only what the table has is asked. */
function placeOf({ loadBalancer, address, port }: EntryQuestion, entries: Entries | null): Place | null {
  if (entries === null) return address === '' ? null : { address, port };
  const url = entries[loadBalancer]?.[String(port)];
  if (url === undefined) return null;
  const { hostname, port: own } = new URL(url);
  return { address: hostname, port: Number(own) };
}
