import { clbClient } from './adapters/clb/clb-client.ts';
import type { CredentialsSource } from './adapters/clb/credentials.ts';
import { clbLoadBalancer } from './adapters/clb/load-balancer.ts';
import { withDecisionLog } from './adapters/decision-log.ts';
import { fcInvoker } from './adapters/function-compute/invoker.ts';
import { kubernetesClients } from './adapters/kubernetes/clients.ts';
import { kubernetesRouter } from './adapters/kubernetes/router.ts';
import { lmdbSignals } from './adapters/lmdb/signals.ts';
import { lmdbStore } from './adapters/lmdb/store.ts';
import { notifier } from './adapters/notify/notifier.ts';
import { httpProbe } from './adapters/probes/http-probe.ts';
import { connectRedis } from './adapters/redis/connect.ts';
import { redisSignals } from './adapters/redis/signals.ts';
import { redisStore } from './adapters/redis/store.ts';
import { systemClock } from './adapters/system-clock.ts';
import { type Config, type Environment, loadConfig, readSecret } from './config.ts';
import type { Clock } from './ports/clock.ts';
import type { Invoker } from './ports/invoker.ts';
import type { Ports } from './ports/ports.ts';

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

export interface Composed {
  readonly config: Config;
  readonly ports: Ports;
}

/** Left of an invocation's time for the last answers to come in and be committed. */
const marginMs = 3_000;

const requestTimeoutMs = 10_000;

let warm: Composed | null = null;
let credentials: FunctionContext['credentials'];

/** The ports of this instance, made at its first request; credentials are those of the request (reference A4). */
export function composedFor(context: FunctionContext): Composed {
  credentials = context.credentials;
  warm ??= compose(process.env, () => credentialsOf(process.env));
  return warm;
}

/** When this invocation has to be quiet, by the clock of its ports. */
export function endOf(context: FunctionContext, { ports }: Composed, atMostMs = Number.POSITIVE_INFINITY): number {
  return ports.clock.now() + Math.min(context.function.timeout * 1_000 - marginMs, atMostMs);
}

/** @throws InvalidInputError with every mistake of the environment */
function compose(environment: Environment, credentialsSource: CredentialsSource): Composed {
  const config = loadConfig(environment);
  const clock = systemClock(config.clock ?? undefined);
  // Requests are waited for on the wall: where the sandbox compresses time, patience is compressed with it.
  const timeoutMs = Math.max(1_000, Math.round(requestTimeoutMs / (config.clock?.speed ?? 1)));
  const { store, signals } = storesOf(config, environment);
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
  const ports: Ports = {
    installation: {
      clusters: Object.keys(config.clusters),
      meshes: Object.keys(config.meshes),
      channels: Object.keys(config.channels),
      watchEveryMs: config.watchEveryMs,
    },
    clock,
    store: withDecisionLog(store, (line) => console.log(line)),
    signals,
    router: kubernetesRouter(clients),
    loadBalancer: clbLoadBalancer(client),
    probe: httpProbe({ clock, allowLoopback: config.isLoopbackProbeAllowed, speed: config.clock?.speed ?? 1 }),
    notifier: notifierOf(config, environment, clock),
    invoker: invokerOf(config, credentialsSource),
  };
  return { config, ports };
}

function storesOf({ store, clock }: Config, environment: Environment): Pick<Ports, 'store' | 'signals'> {
  const scale = clock === null ? {} : { clockScale: clock };
  if (store.kind === 'lmdb')
    return { store: lmdbStore(store.folder, scale), signals: lmdbSignals(store.folder, scale) };
  const redis = connectRedis(readSecret(store.url, environment));
  const options = { ...scale, shards: store.shards };
  return { store: redisStore(redis, options), signals: redisSignals(redis, options) };
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
  return notifier({ channels: Object.fromEntries(channels), clock, isLoopbackAllowed: config.isLoopbackProbeAllowed });
}

function invokerOf({ invoker, clb }: Config, credentialsSource: CredentialsSource): Invoker {
  // Without a step function the host itself looks at all due work every second (sluice serve).
  if (invoker === null) return { invoke: async () => undefined };
  return fcInvoker({
    accountId: invoker.accountId,
    region: invoker.region ?? clb.region,
    functionName: invoker.function,
    ...(invoker.endpoint === null ? {} : { endpoint: invoker.endpoint }),
    qualifier: invoker.qualifier ?? 'LATEST',
    secure: !invoker.endpoint?.startsWith('http://'),
    credentials: credentialsSource,
  });
}

function credentialsOf(environment: Environment): ReturnType<CredentialsSource> {
  if (credentials !== undefined) return credentials;
  const securityToken = environment['ALIBABA_CLOUD_SECURITY_TOKEN'];
  return {
    accessKeyId: environment['ALIBABA_CLOUD_ACCESS_KEY_ID'] ?? '',
    accessKeySecret: environment['ALIBABA_CLOUD_ACCESS_KEY_SECRET'] ?? '',
    ...(securityToken === undefined ? {} : { securityToken }),
  };
}
