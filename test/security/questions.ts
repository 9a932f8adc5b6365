import type { ServiceReading } from '../../src/domain/observation.ts';
import { aProbe, aServiceAt } from '../fixtures/builders.ts';

export const clock = { now: () => 0, sleep: () => Promise.resolve() };

export const productpage = aProbe({ timeoutMs: 2_000 });

/** A Service with one ready endpoint, as an EndpointSlice would say it. */
export function aService(address: string, port: number, portName = 'http2'): ServiceReading {
  return aServiceAt([{ address, node: null, targetPorts: { 80: port } }], { 80: portName });
}
