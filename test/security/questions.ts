import type { ServiceReading } from '../../src/domain/observation.ts';
import type { ProbeSpec } from '../../src/domain/spec.ts';

export const clock = { now: () => 0, sleep: () => Promise.resolve() };

export const productpage: ProbeSpec = {
  name: 'productpage',
  side: 'both',
  host: 'shop.example.com',
  path: '/productpage',
  port: null,
  status: 200,
  everyMs: 5_000,
  failures: 3,
  timeoutMs: 2_000,
};

/** A Service with one ready endpoint, as an EndpointSlice would say it. */
export function aService(address: string, port: number, portName = 'http2'): ServiceReading {
  return {
    cluster: 'ack',
    clusterId: 'c1',
    namespace: 'istio-system',
    name: 'gateway',
    annotations: {},
    weight: null,
    writtenBy: null,
    mode: 'eni',
    backends: [],
    readyPods: 1,
    portNames: { 80: portName },
    endpoints: [{ address, node: null, targetPorts: { 80: port } }],
    warning: null,
    hash: null,
  };
}
