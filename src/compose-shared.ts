import { networksOf } from './adapters/addresses.ts';
import { clbClient } from './adapters/clb/clb-client.ts';
import type { CredentialsSource } from './adapters/clb/credentials.ts';
import { clbLoadBalancer } from './adapters/clb/load-balancer.ts';
import { type KubernetesClients, kubernetesClients } from './adapters/kubernetes/clients.ts';
import { kubernetesRouter } from './adapters/kubernetes/router.ts';
import { notifier } from './adapters/notify/notifier.ts';
import { httpProbe } from './adapters/probes/http-probe.ts';
import { systemClock } from './adapters/system-clock.ts';
import { type Config, type Environment, readSecret } from './config.ts';
import type { Clock } from './ports/clock.ts';
import type { Ports } from './ports/ports.ts';

export { jsonLine } from './domain/plain-text.ts';

/** What of Function Compute's context the product uses (reference function-compute-and-chat.md A4). */
export interface FunctionContext {
  readonly requestId: string;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly accessKeySecret: string;
    readonly securityToken?: string;
  };
  /** `timeout` in seconds. */
  readonly function: { readonly name: string; readonly timeout: number };
}

/** Left of an invocation's time for the last answers to come in and be committed. */
const marginMs = 3_000;

const requestTimeoutMs = 10_000;

let credentials: FunctionContext['credentials'];

/** Credentials are those of the request (reference A4), and the environment's where no platform gives any. */
export function credentialsOf(context: FunctionContext): CredentialsSource {
  credentials = context.credentials;
  return () => credentials ?? credentialsIn(process.env);
}

/** When this invocation has to be quiet, by the clock of its ports. */
export function endOf(
  context: FunctionContext,
  { ports }: { readonly ports: { readonly clock: Clock } },
  atMostMs = Number.POSITIVE_INFINITY,
): number {
  return ports.clock.now() + Math.min(context.function.timeout * 1_000 - marginMs, atMostMs);
}

/** What every function that touches traffic needs, and the clients behind it. */
export type OutsidePorts = Pick<Ports, 'clock' | 'router' | 'loadBalancer' | 'probe' | 'notifier'>;

export function composeOutside(
  config: Config,
  environment: Environment,
  credentialsSource: CredentialsSource,
): { readonly ports: OutsidePorts; readonly clients: KubernetesClients } {
  const clock = systemClock(config.clock ?? undefined);
  // Requests are waited for on the wall: where the sandbox compresses time, patience is compressed with it.
  const timeoutMs = Math.max(1_000, Math.round(requestTimeoutMs / (config.clock?.speed ?? 1)));
  const clients = kubernetesClients({
    clusters: config.clusters,
    meshes: config.meshes,
    clock,
    timeoutMs,
    env: environment,
    // The functions stand in the clusters' VPC (template.yml), so they use the API servers' private addresses.
    cloud: { region: config.clb.region, credentials: credentialsSource, isPrivate: true },
  });
  const client = clbClient({
    region: config.clb.region,
    protocol: config.clb.protocol,
    ...(config.clb.endpoint === null ? {} : { endpoint: config.clb.endpoint }),
    credentials: credentialsSource,
    clock,
    timeoutMs,
  });
  const ports = {
    clock,
    router: kubernetesRouter(clients),
    loadBalancer: clbLoadBalancer(client),
    probe: httpProbe({
      clock,
      allowLoopback: config.isLoopbackProbeAllowed,
      networks: config.probeNetworks === null ? null : networksOf(config.probeNetworks),
      ...certificatesOf(config, environment),
      // Loopback is probed in a sandbox only, whose load balancers have addresses that lead out of it.
      entries: config.clbEntries ?? (config.isLoopbackProbeAllowed ? {} : null),
      speed: config.clock?.speed ?? 1,
    }),
    notifier: notifierOf(config, environment, clock),
  };
  return { ports, clients };
}

function certificatesOf({ probeCertificates }: Config, environment: Environment) {
  if (probeCertificates === null) return {};
  return {
    certificates: probeCertificates === 'any' ? ('any' as const) : () => readSecret(probeCertificates, environment),
  };
}

function notifierOf(config: Config, environment: Environment, clock: Clock) {
  const channels = Object.entries(config.channels).map(([name, { kind, url, secret }]) => [
    name,
    {
      kind,
      url: () => readSecret(url, environment),
      secret: secret === null ? null : () => readSecret(secret, environment),
    },
  ]);
  return notifier({
    channels: Object.fromEntries(channels),
    clock,
    isLoopbackAllowed: config.isLoopbackProbeAllowed,
    hosts: config.channelHosts,
  });
}

function credentialsIn(environment: Environment): ReturnType<CredentialsSource> {
  const securityToken = environment['ALIBABA_CLOUD_SECURITY_TOKEN'];
  return {
    accessKeyId: environment['ALIBABA_CLOUD_ACCESS_KEY_ID'] ?? '',
    accessKeySecret: environment['ALIBABA_CLOUD_ACCESS_KEY_SECRET'] ?? '',
    ...(securityToken === undefined ? {} : { securityToken }),
  };
}
