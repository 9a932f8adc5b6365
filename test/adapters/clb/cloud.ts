import { type ClbClient, clbClient } from '../../../src/adapters/clb/clb-client.ts';
import type { CloudCredentials } from '../../../src/adapters/clb/credentials.ts';
import { clbLoadBalancer } from '../../../src/adapters/clb/load-balancer.ts';
import { systemClock } from '../../../src/adapters/system-clock.ts';
import type { LoadBalancer } from '../../../src/ports/load-balancer.ts';
import { type ClbBackend, type Listener, listenerOf } from '../../../src/sandbox/clb/load-balancer.ts';
import { ClbModel, type ClbModelOptions } from '../../../src/sandbox/clb/model.ts';
import { startOpenApi } from '../../../src/sandbox/clb/open-api.ts';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';

export const credentials: CloudCredentials = { accessKeyId: 'LTAI-test', accessKeySecret: 'secret-of-the-key' };

/** The sandbox's CLB behind its OpenAPI, and the adapter on the vendor's core. */
export interface Cloud {
  readonly model: ClbModel;
  readonly faults: Faults;
  readonly client: ClbClient;
  readonly loadBalancer: LoadBalancer;
  readonly endpoint: string;
  /** Actions that were asked with a good signature. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

export interface CloudOptions {
  readonly model?: Partial<ClbModelOptions>;
  readonly timeoutMs?: number;
  readonly credentials?: () => CloudCredentials;
  readonly accepted?: readonly (CloudCredentials & { readonly expiresAtMs?: number })[];
  readonly kubeconfigOf?: (id: string) => string | null;
}

export async function startCloud(options: CloudOptions = {}): Promise<Cloud> {
  const clock = sandboxClock(1);
  const random = seededRandom(1);
  const faults = new Faults(random, clock.now);
  const model = new ClbModel({ random, busyMs: { min: 0, max: 0 }, ...options.model });
  model.put(publicLoadBalancer());
  const asked: string[] = [];
  const api = await startOpenApi({
    model,
    clock,
    faults,
    random,
    regionId: 'cn-hangzhou',
    credentials: options.accepted ?? [credentials],
    kubeconfigOf: options.kubeconfigOf ?? (() => null),
    onRequest: ({ action }) => void asked.push(action),
  });
  const client = clbClient({
    region: 'cn-hangzhou',
    endpoint: api.endpoint,
    protocol: 'http',
    credentials: options.credentials ?? (() => credentials),
    clock: systemClock(),
    timeoutMs: options.timeoutMs ?? 5_000,
  });
  return {
    model,
    faults,
    client,
    loadBalancer: clbLoadBalancer(client),
    endpoint: api.endpoint,
    asked,
    stop: api.stop,
  };
}

export function pod(address: string, weight: number, service = 'istio-ingressgateway'): ClbBackend {
  return {
    serverId: 'eni-shared',
    serverIp: address,
    port: 8080,
    weight,
    type: 'eni',
    description: `k8s/8080/${service}/istio-system/c0123`,
  };
}

export function publicLoadBalancer(listeners: readonly Listener[] = usualListeners) {
  return {
    id: 'lb-public',
    name: 'public',
    status: 'active',
    address: '47.0.0.1',
    addressType: 'internet',
    networkType: 'classic',
    vpcId: '',
    spec: 'slb.s2.small',
    deleteProtection: 'on',
    modificationProtection: 'ConsoleProtection',
    tags: { team: 'shop' },
    listeners,
    groups: [
      {
        id: 'rsp-pub-80',
        name: 'public-80',
        backends: [pod('10.0.1.1', 57), pod('10.0.1.2', 57), pod('10.0.2.1', 1, 'asm')],
      },
      {
        id: 'rsp-pub-443',
        name: 'public-443',
        backends: [{ serverId: 'i-a', serverIp: '', port: 30443, weight: 0, type: 'ecs', description: 'by hand' }],
      },
    ],
  } as const;
}

const usualListeners: readonly Listener[] = [
  listenerOf({ port: 80, protocol: 'http', vServerGroupId: 'rsp-pub-80' }),
  listenerOf({ port: 443, protocol: 'https', vServerGroupId: 'rsp-pub-443', scheduler: 'rr', stickySession: 'on' }),
  listenerOf({ port: 9000, protocol: 'tcp', persistenceTimeoutS: 60, healthCheck: 'off', status: 'stopped' }),
];
