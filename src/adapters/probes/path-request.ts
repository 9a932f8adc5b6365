import { createHash } from 'node:crypto';
import type { ServiceReading } from '../../domain/observation.ts';
import type { PathAnswer, PathSpec } from '../../domain/parity.ts';
import { oneLine } from '../../domain/plain-text.ts';
import { mayReach } from '../addresses.ts';
import { exchange, placesOf, readBody, reasonOf } from './exchange.ts';
import type { HttpProbeOptions } from './http-probe.ts';

/** Of a longer body this much is compared. */
const bodyBytesMax = 1024 * 1024;
const headerCharactersMax = 120;

/** One answer of one pod, as far as it is compared with the other side's. Never throws. */
export async function requestPath(
  spec: PathSpec,
  service: ServiceReading,
  turn: number,
  options: HttpProbeOptions,
): Promise<PathAnswer> {
  const places = placesOf(service, spec.port);
  const place = places[turn % Math.max(1, places.length)];
  if (place === undefined) return { failure: `no ready endpoint for port ${spec.port}` };
  if (!mayReach(place.address, options.allowLoopback ?? false, options.networks)) {
    return { failure: `${place.address} is not an address that is probed` };
  }
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(spec.timeoutMs / (options.speed ?? 1))));
  const startedAtMs = options.clock.now();
  try {
    const response = await exchange(spec, place, options.certificates ?? null, signal);
    const hash = createHash('sha256');
    await readBody(response, bodyBytesMax, (chunk) => hash.update(chunk));
    return {
      status: response.statusCode ?? 0,
      headers: Object.fromEntries(spec.headers.map((name) => [name, headerText(response.headers[name])])),
      bodyHash: spec.comparesBody ? hash.digest('hex') : null,
      ms: options.clock.now() - startedAtMs,
    };
  } catch (error) {
    return { failure: signal.aborted ? `none within ${spec.timeoutMs} ms` : reasonOf(error) };
  }
}

/** A foreign text that goes into a finding: in one line, and cut. */
function headerText(value: string | readonly string[] | undefined): string | null {
  if (value === undefined) return null;
  return oneLine([value].flat().join(', ')).slice(0, headerCharactersMax);
}
