import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { check, formatPath } from './api/problems.ts';
import {
  channelHostsSchema,
  channelsSchema,
  clbEntriesSchema,
  clbSchema,
  clockSchema,
  clustersSchema,
  invokerSchema,
  meshesSchema,
  namespacesSchema,
  probeCertificatesSchema,
  probeNetworksSchema,
  shardsSchema,
  signalsSchema,
  tokensSchema,
  urlSchema,
  watchSchema,
} from './config-schema.ts';
import { type InputProblem, InvalidInputError, messageOf, TerminalError } from './ports/errors.ts';

export { configVariables } from './config-variables.ts';

/**
 * The installation, read from the environment once. Secrets stay references (`env:NAME`, `file:/path`) that
 * `readSecret` resolves where they are used, so that a Config can be printed (design rule 11).
 */
export interface Config {
  /** By name; the first is the one that the short form of a migration file means. */
  readonly clusters: Readonly<Record<string, ClusterConfig>>;
  readonly meshes: Readonly<Record<string, MeshConfig>>;
  readonly clb: ClbConfig;
  /** The step function; null where the process carries migrations on by itself. */
  readonly invoker: InvokerConfig | null;
  readonly tokens: Readonly<Record<string, TokenConfig>>;
  readonly channels: Readonly<Record<string, ChannelConfig>>;
  /** Sources of signals that are pulled from, beside `push`. */
  readonly signals: Readonly<Record<string, SignalsConfig>>;
  /** Compressed time in the sandbox; null: real time. */
  readonly clock: { readonly speed: number; readonly anchorMs: number } | null;
  /** Where people reach the API, without a slash at the end; for links in notices. */
  readonly publicUrl: string | null;
  readonly store: StoreConfig;
  /** How often the tick looks at an active migration. */
  readonly watchEveryMs: number;
  readonly isLoopbackProbeAllowed: boolean;
  /** Where the entries of load balancers are, in the place of their addresses; null: at their addresses. */
  readonly clbEntries: Readonly<Record<string, Readonly<Record<string, string>>>> | null;
  /** The only networks that probes ask; null: any that is no link, metadata or loopback address. */
  readonly probeNetworks: readonly string[] | null;
  /** Authorities that the certificates of probed pods are believed from, a reference; `any` checks none; null: Node's. */
  readonly probeCertificates: string | null;
  /** The only hosts that channels may be on; null: any. */
  readonly channelHosts: readonly string[] | null;
  /** Where source gateways are, and so kept baselines; null: anywhere. */
  readonly namespaces: readonly string[] | null;
}

export interface ClusterConfig {
  readonly id: string;
  /** `file:/path`, `env:NAME` or `ack:<cluster id>`. */
  readonly kubeconfig: string;
  /** What the cloud controller takes for Services without a backend-type annotation. */
  readonly defaultBackendType: 'eni' | 'ecs';
}

export interface MeshConfig {
  /** `file:/path`, `env:NAME` or `asm:<mesh id>`. */
  readonly kubeconfig: string;
}

export interface ClbConfig {
  readonly region: string;
  /** `host` or `host:port`; null: the region's own. */
  readonly endpoint: string | null;
  readonly protocol: 'https' | 'http';
}

export interface InvokerConfig {
  readonly endpoint: string | null;
  readonly accountId: string;
  readonly region: string | null;
  readonly function: string;
  readonly qualifier: string | null;
}

export type Role = 'viewer' | 'reporter' | 'operator';

export interface TokenConfig {
  readonly role: Role;
  /** Lower-case hex SHA-256 of the token; the token itself is not kept. */
  readonly sha256: string;
}

export interface ChannelConfig {
  readonly kind: 'dingtalk' | 'webhook';
  /** References: a webhook's address is a secret as well. */
  readonly url: string;
  readonly secret: string | null;
}

export interface SignalsConfig {
  readonly kind: 'prometheus';
  /** References. */
  readonly url: string;
  readonly token: string | null;
  /** PromQL that finds counters, instead of Istio's own (docs/signals.md). */
  readonly queries: { readonly requests: string; readonly errors: string; readonly latency?: string } | null;
  readonly windowMs: number;
  readonly delayMs: number;
  readonly patienceMs: number;
  readonly timeoutMs: number;
}

export type StoreConfig =
  | { readonly kind: 'redis'; readonly url: string; readonly shards: number }
  | { readonly kind: 'lmdb'; readonly folder: string };

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the environment.
 * @throws InvalidInputError with every mistake; a wrong value is never repeated, it may be a secret in the wrong place
 */
export function loadConfig(environment: Environment): Config {
  const problems: InputProblem[] = [];
  const read = <Schema extends v.GenericSchema, Fallback>(name: string, schema: Schema, fallback?: Fallback) =>
    readVariable(environment, name, schema, fallback, problems);
  const config = {
    clusters: read('SLUICE_CLUSTERS', clustersSchema),
    meshes: read('SLUICE_MESHES', meshesSchema, {}),
    clb: read('SLUICE_CLB', clbSchema),
    invoker: read('SLUICE_INVOKER', invokerSchema, null),
    tokens: read('SLUICE_TOKENS', tokensSchema),
    channels: read('SLUICE_CHANNELS', channelsSchema, {}),
    signals: read('SLUICE_SIGNALS', signalsSchema, {}),
    clock: read('SLUICE_CLOCK', clockSchema, null),
    publicUrl: read('SLUICE_PUBLIC_URL', urlSchema, null),
    store: readStore(environment, read('SLUICE_REDIS_SHARDS', shardsSchema, 1) ?? 1, problems),
    watchEveryMs: read('SLUICE_WATCH_EVERY', watchSchema, 5000),
    isLoopbackProbeAllowed:
      read('SLUICE_PROBE_LOOPBACK', v.literal('allow', 'must be allow, or absent'), null) !== null,
    clbEntries: read('SLUICE_CLB_ENTRIES', clbEntriesSchema, null),
    probeNetworks: read('SLUICE_PROBE_NETWORKS', probeNetworksSchema, null),
    probeCertificates: read('SLUICE_PROBE_CERTIFICATES', probeCertificatesSchema, null),
    channelHosts: read('SLUICE_CHANNEL_HOSTS', channelHostsSchema, null),
    namespaces: read('SLUICE_NAMESPACES', namespacesSchema, null),
  };
  // Node would take any certificate for good, in every client at once.
  if (environment['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    problems.push({ path: 'NODE_TLS_REJECT_UNAUTHORIZED', message: 'must not be 0: certificates are always checked' });
  }
  if (problems.length > 0) throw new InvalidInputError(problems);
  // Every value is there now: one that is not has left a problem.
  return config as Config;
}

/**
 * The secret behind a reference, `env:NAME` or `file:/path`.
 * @throws TerminalError that names the reference, never the value
 */
export function readSecret(reference: string, environment: Environment): string {
  const [scheme, rest] = [reference.slice(0, reference.indexOf(':')), reference.slice(reference.indexOf(':') + 1)];
  const secret = scheme === 'env' ? environment[rest] : readSecretFile(reference, rest);
  if (secret === undefined || secret === '') throw new TerminalError(`nothing is found behind ${reference}`);
  return secret;
}

function readSecretFile(reference: string, path: string): string {
  if (!reference.startsWith('file:')) throw new TerminalError('a secret is not a reference such as env:NAME');
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new TerminalError(`cannot read ${reference}: ${(error as NodeJS.ErrnoException).code ?? messageOf(error)}`);
  }
}

/** A variable's value, read as JSON where it looks like JSON. */
function readVariable<Schema extends v.GenericSchema, Fallback>(
  environment: Environment,
  name: string,
  schema: Schema,
  fallback: Fallback | undefined,
  problems: InputProblem[],
): v.InferOutput<Schema> | Fallback | undefined {
  const text = environment[name]?.trim() ?? '';
  if (text === '') {
    if (fallback === undefined) problems.push({ path: name, message: 'is missing' });
    return fallback;
  }
  const json = /^[{[]/.test(text) ? parseJson(text) : { value: text };
  if (json === null) {
    problems.push({ path: name, message: 'is not valid JSON' });
    return undefined;
  }
  const { output, problems: found } = check(schema, json.value);
  for (const problem of found) {
    const path = problem.path.length === 0 ? name : `${name}.${formatPath(problem.path)}`;
    problems.push({ path, message: withoutValue(problem.message) });
  }
  return output ?? undefined;
}

/** The schemas quote what they were given, which is of use in a file and may be a secret here. */
function withoutValue(message: string): string {
  return message.replace(/(^|, not |received )"[\s\S]*(?:"|$)/, '$1"…"');
}

function parseJson(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}

function readStore(environment: Environment, shards: number, problems: InputProblem[]): StoreConfig | undefined {
  const redis = environment['REDIS_URL']?.trim() ?? '';
  const folder = environment['SLUICE_DATA']?.trim() ?? '';
  if (/^(env|file):/.test(redis)) return { kind: 'redis', url: redis, shards };
  if (/^rediss?:\/\//.test(redis)) return { kind: 'redis', url: 'env:REDIS_URL', shards };
  if (redis !== '')
    problems.push({ path: 'REDIS_URL', message: 'must begin with redis:// or rediss://, or be a reference' });
  else if (folder === '')
    problems.push({ path: 'REDIS_URL', message: 'is missing (or SLUICE_DATA, the folder of the embedded store)' });
  return folder === '' ? undefined : { kind: 'lmdb', folder };
}
