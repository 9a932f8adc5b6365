import type { ServiceReading } from '../../domain/observation.ts';
import type { ProbeSpec } from '../../domain/spec.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Probe, ProbeResult } from '../../ports/probe.ts';
import { mayReach, type Networks } from '../addresses.ts';
import { type Entries, enter } from './enter.ts';
import { type Certificates, exchange, type Place, placesOf, readBody, reasonOf } from './exchange.ts';
import { requestPath } from './path-request.ts';

export interface HttpProbeOptions {
  readonly clock: Clock;
  /** Sandbox only: there, pods are loopback addresses. */
  readonly allowLoopback?: boolean;
  /** The only networks that are asked; null or absent: any that is no link, metadata or loopback address. */
  readonly networks?: Networks | null;
  /** Absent: certificates are believed from the authorities that Node knows. */
  readonly certificates?: Certificates;
  /** Sandbox only: there, the address of a load balancer is one that nobody has. */
  readonly entries?: Entries | null;
  /** How much faster than the wall the clock runs: time-outs are waited for on the wall. 1 unless told. */
  readonly speed?: number;
}

const bodyBytesMax = 64 * 1024;

/** Asks the gateways' pods themselves, so that a side can be proven before it has any weight (reference E15). */
export function httpProbe(options: HttpProbeOptions): Probe {
  return {
    ask: async (probe, services, turn) => {
      if (services.length === 0) return { isOk: false, detail: 'no Service to ask' };
      const results = await Promise.all(services.map((service) => askOne(probe, service, options, turn)));
      const details = results.map(({ detail }, index) =>
        services.length === 1 ? detail : `${services[index]?.cluster}/${services[index]?.name}: ${detail}`,
      );
      const times = results.flatMap(({ ms }) => (ms === undefined ? [] : [ms]));
      return {
        isOk: results.every(({ isOk }) => isOk),
        detail: details.join('; ').slice(0, 300),
        ...(times.length < results.length ? {} : { ms: Math.max(...times) }),
      };
    },
    enter: (question) => enter(question, options),
    request: (path, service, turn) => requestPath(path, service, turn, options),
  };
}

async function askOne(
  probe: ProbeSpec,
  service: ServiceReading,
  options: HttpProbeOptions,
  turn: number | undefined,
): Promise<ProbeResult> {
  const question = questionFor(probe, service, turn ?? Math.floor(options.clock.now() / Math.max(1, probe.everyMs)));
  if (question === null) return { isOk: false, detail: 'no ready endpoint' };
  if (!mayReach(question.address, options.allowLoopback ?? false, options.networks)) {
    return { isOk: false, detail: `${question.address} is not an address that is probed` };
  }
  const startedAtMs = options.clock.now();
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(probe.timeoutMs / (options.speed ?? 1))));
  try {
    const asked = { host: probe.host, path: probe.path, isTls: question.isTls };
    const response = await exchange(asked, question, options.certificates ?? null, signal);
    // What the body says is nobody's business.
    await readBody(response, bodyBytesMax, () => undefined);
    const status = response.statusCode ?? 0;
    const isOk = status === probe.status;
    const ms = options.clock.now() - startedAtMs;
    return { isOk, detail: isOk ? `${status} in ${ms} ms` : `${status}, not ${probe.status}`, ms };
  } catch (error) {
    return { isOk: false, detail: signal.aborted ? `no answer within ${probe.timeoutMs} ms` : reasonOf(error) };
  }
}

/** One endpoint at a time, the next one at the next time: over a while every ready pod is asked. */
function questionFor(
  probe: ProbeSpec,
  service: ServiceReading,
  turn: number,
): (Place & { readonly isTls: boolean }) | null {
  const [lowest] = Object.keys(service.portNames)
    .map(Number)
    .sort((a, b) => a - b);
  const port = probe.port ?? lowest;
  if (port === undefined) return null;
  const places = placesOf(service, port);
  const place = places[turn % Math.max(1, places.length)];
  if (place === undefined) return null;
  return { ...place, isTls: service.portNames[port]?.startsWith('https') ?? false };
}
