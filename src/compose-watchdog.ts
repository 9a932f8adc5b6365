import { withDecisionLog } from './adapters/decision-log.ts';
import { kubernetesKeptBaselines } from './adapters/kubernetes/kept-baselines.ts';
import { lmdbStore } from './adapters/lmdb/store.ts';
import { connectRedis } from './adapters/redis/connect.ts';
import { redisStore } from './adapters/redis/store.ts';
import { composeOutside, credentialsOf, type FunctionContext, type OutsidePorts } from './compose-shared.ts';
import { type Config, type Environment, loadConfig, readSecret } from './config.ts';
import type { KeptBaselines } from './ports/kept-baselines.ts';
import type { MigrationStore } from './ports/migration-store.ts';

/** The ports of the watchdog: no signals, no other function, and nothing that decides how a migration goes on. */
export interface WatchdogComposed {
  readonly ports: OutsidePorts & { readonly store: MigrationStore; readonly kept: KeptBaselines };
}

/**
 * It has no door that a token could open: where the environment holds none, this one, of which nobody knows the text,
 * stands in.
 */
const noTokens = JSON.stringify({ nobody: { role: 'viewer', sha256: '0'.repeat(64) } });

let warm: WatchdogComposed | null = null;

/** The watchdog's own ports of this instance, made at its first request. */
export function watchdogFor(context: FunctionContext): WatchdogComposed {
  const credentialsSource = credentialsOf(context);
  if (warm === null) {
    const config = watchdogConfig(process.env);
    const { ports, clients } = composeOutside(config, process.env, credentialsSource);
    const store = withDecisionLog(storeOf(config, process.env), (line) => console.log(line));
    warm = { ports: { ...ports, store, kept: kubernetesKeptBaselines(clients, config.namespaces) } };
  }
  return warm;
}

/** @throws InvalidInputError with every mistake of the environment */
export function watchdogConfig(environment: Environment): Config {
  return loadConfig({ ...environment, SLUICE_TOKENS: environment['SLUICE_TOKENS'] || noTokens });
}

function storeOf({ store, clock }: Config, environment: Environment): MigrationStore {
  const scale = clock === null ? {} : { clockScale: clock };
  if (store.kind === 'lmdb') return lmdbStore(store.folder, scale);
  return redisStore(connectRedis(readSecret(store.url, environment)), { ...scale, shards: store.shards });
}
