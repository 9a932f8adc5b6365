import type { CredentialsSource } from './adapters/clb/credentials.ts';
import { withDecisionLog } from './adapters/decision-log.ts';
import { fcInvoker } from './adapters/function-compute/invoker.ts';
import { lmdbAlerts } from './adapters/lmdb/alerts.ts';
import { lmdbSignals } from './adapters/lmdb/signals.ts';
import { lmdbStore } from './adapters/lmdb/store.ts';
import { type PulledSource, pulledSignals } from './adapters/prometheus/signals.ts';
import { redisAlerts } from './adapters/redis/alerts.ts';
import { connectRedis } from './adapters/redis/connect.ts';
import { redisSignals } from './adapters/redis/signals.ts';
import { redisStore } from './adapters/redis/store.ts';
import { composeOutside, credentialsOf, type FunctionContext } from './compose-shared.ts';
import { type Config, type Environment, loadConfig, readSecret } from './config.ts';
import type { Invoker } from './ports/invoker.ts';
import type { Ports } from './ports/ports.ts';

export { endOf, type FunctionContext, jsonLine } from './compose-shared.ts';

export interface Composed {
  readonly config: Config;
  readonly ports: Ports;
}

let warm: Composed | null = null;

/** The ports of this instance, made at its first request. */
export function composedFor(context: FunctionContext): Composed {
  const credentialsSource = credentialsOf(context);
  warm ??= compose(process.env, credentialsSource);
  return warm;
}

/** @throws InvalidInputError with every mistake of the environment */
function compose(environment: Environment, credentialsSource: CredentialsSource): Composed {
  const config = loadConfig(environment);
  const { store, signals, alerts } = storesOf(config, environment);
  const ports: Ports = {
    ...composeOutside(config, environment, credentialsSource).ports,
    installation: {
      clusters: Object.keys(config.clusters),
      meshes: Object.keys(config.meshes),
      channels: Object.keys(config.channels),
      signals: Object.keys(config.signals),
      watchEveryMs: config.watchEveryMs,
    },
    store: withDecisionLog(store, (line) => console.log(line)),
    signals: pulledSignals(signals, { sources: sourcesOf(config, environment), now: () => store.now() }),
    alerts,
    invoker: invokerOf(config, credentialsSource),
  };
  return { config, ports };
}

function storesOf({ store, clock }: Config, environment: Environment): Pick<Ports, 'store' | 'signals' | 'alerts'> {
  const scale = clock === null ? {} : { clockScale: clock };
  if (store.kind === 'lmdb')
    return {
      store: lmdbStore(store.folder, scale),
      signals: lmdbSignals(store.folder, scale),
      alerts: lmdbAlerts(store.folder, scale),
    };
  const redis = connectRedis(readSecret(store.url, environment));
  const options = { ...scale, shards: store.shards };
  return {
    store: redisStore(redis, options),
    signals: redisSignals(redis, options),
    alerts: redisAlerts(redis, options),
  };
}

function sourcesOf({ signals }: Config, environment: Environment): Readonly<Record<string, PulledSource>> {
  const sources = Object.entries(signals).map(([name, { kind: _, url, token, ...rest }]) => [
    name,
    {
      ...rest,
      url: () => readSecret(url, environment),
      token: token === null ? null : () => readSecret(token, environment),
    },
  ]);
  return Object.fromEntries(sources);
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
