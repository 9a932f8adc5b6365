import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import type { Clock } from '../../ports/clock.ts';
import { messageOf, TerminalError, TransientError } from '../../ports/errors.ts';
import type { CredentialsSource } from '../clb/credentials.ts';
import { type OpenApi, openApi } from '../clb/open-api.ts';

/**
 * Where a kubeconfig is, never the kubeconfig itself (rule 11): `file:<path>`, `env:<NAME>`, `ack:<ClusterId>` or
 * `asm:<MeshId>`; the last two are fetched from Alibaba Cloud for an hour.
 */
export type KubeconfigRef = string;

export interface KubeconfigOptions {
  readonly clock: Clock;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Needed for `ack:` and `asm:` only. */
  readonly cloud?: CloudAccess;
}

export interface CloudAccess {
  readonly region: string;
  readonly credentials: CredentialsSource;
  /** The API servers' addresses inside the VPC, for a function that stands in it. */
  readonly isPrivate?: boolean;
  /** Hosts of the two products, for the sandbox or a VPC; else the public ones. */
  readonly containerEndpoint?: string;
  readonly meshEndpoint?: string;
  readonly protocol?: 'https' | 'http';
}

/** Gives the YAML that a reference stands for. @throws TerminalError or TransientError, without the YAML in its message */
export interface KubeconfigSource {
  /** `refused` is what an API server no longer takes (401): it is fetched again where it is still the one at hand. */
  load(ref: KubeconfigRef, refused: string | null): Promise<string>;
}

interface Loaded {
  readonly yaml: string;
  readonly untilMs: number;
}

const lifetimeMinutes = 60;
const marginMs = 5 * 60_000;
/** The mesh's expiry comes without a zone (reference C4), so it cannot be compared: half the usual hour is safe. */
const meshCacheMs = 30 * 60_000;
const yamlCharactersMax = 512 * 1024;

export function kubeconfigSource(options: KubeconfigOptions): KubeconfigSource {
  const cached = new Map<KubeconfigRef, Loaded>();
  const underWay = new Map<KubeconfigRef, Promise<Loaded>>();
  const fetchOnce = async (ref: KubeconfigRef): Promise<Loaded> => {
    try {
      const loaded = await fetchOne(ref, options);
      cached.set(ref, loaded);
      return loaded;
    } finally {
      underWay.delete(ref);
    }
  };
  return {
    load: async (ref, refused) => {
      const held = cached.get(ref);
      if (held !== undefined && held.yaml !== refused && held.untilMs > options.clock.now()) return held.yaml;
      const loading = underWay.get(ref) ?? fetchOnce(ref);
      underWay.set(ref, loading);
      return (await loading).yaml;
    },
  };
}

async function fetchOne(ref: KubeconfigRef, options: KubeconfigOptions): Promise<Loaded> {
  const [, scheme, rest] = /^(file|env|ack|asm):(.+)$/s.exec(ref) ?? [];
  const loaded = await fetchBy(scheme, rest ?? '', options);
  if (loaded.yaml.length > yamlCharactersMax) throw new TerminalError(`kubeconfig ${scheme}: larger than 512 KiB`);
  return loaded;
}

async function fetchBy(scheme: string | undefined, rest: string, options: KubeconfigOptions): Promise<Loaded> {
  switch (scheme) {
    case 'file':
      return { yaml: await fromFile(rest), untilMs: Number.POSITIVE_INFINITY };
    case 'env':
      return { yaml: fromEnvironment(rest, options.env ?? {}), untilMs: Number.POSITIVE_INFINITY };
    case 'ack':
      return fromContainerService(rest, cloudOf(`${scheme}:${rest}`, options), options.clock);
    case 'asm':
      return fromMesh(rest, cloudOf(`${scheme}:${rest}`, options), options.clock);
    default:
      // The text is not repeated: someone may have put the kubeconfig itself where its reference belongs.
      throw new TerminalError('a kubeconfig reference begins with file:, env:, ack: or asm:');
  }
}

async function fromFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new TerminalError(`kubeconfig file:${path}: ${messageOf(error)}`);
  }
}

function fromEnvironment(name: string, env: Readonly<Record<string, string | undefined>>): string {
  const yaml = env[name];
  if (yaml === undefined || yaml === '') throw new TerminalError(`kubeconfig env:${name}: the variable is not set`);
  return yaml;
}

function cloudOf(about: string, options: KubeconfigOptions): CloudAccess {
  if (options.cloud === undefined)
    throw new TerminalError(`kubeconfig ${about}: no credentials of Alibaba Cloud are configured`);
  return options.cloud;
}

const containerAnswer = v.object({ config: v.pipe(v.string(), v.minLength(1)), expiration: v.string() });

async function fromContainerService(clusterId: string, cloud: CloudAccess, clock: Clock): Promise<Loaded> {
  const send = sender(cloud, clock, cloud.containerEndpoint ?? `cs.${cloud.region}.aliyuncs.com`, {
    product: 'cs',
    version: '2015-12-15',
  });
  const body = await send({
    action: 'DescribeClusterUserKubeconfig',
    style: 'ROA',
    method: 'GET',
    pathname: `/k8s/${encodeURIComponent(clusterId)}/user_config`,
    // Without a lifetime the certificate would last three years (reference C4).
    query: { PrivateIpAddress: cloud.isPrivate ?? false, TemporaryDurationMinutes: lifetimeMinutes },
    about: clusterId,
  });
  const answer = v.safeParse(containerAnswer, body);
  if (!answer.success) throw new TransientError(`kubeconfig ack:${clusterId}: the answer is not whole`);
  const expiresAtMs = Date.parse(answer.output.expiration);
  const untilMs = Number.isNaN(expiresAtMs) ? clock.now() + meshCacheMs : expiresAtMs - marginMs;
  return { yaml: answer.output.config, untilMs };
}

const meshAnswer = v.object({ Kubeconfig: v.pipe(v.string(), v.minLength(1)) });

async function fromMesh(meshId: string, cloud: CloudAccess, clock: Clock): Promise<Loaded> {
  const send = sender(cloud, clock, cloud.meshEndpoint ?? 'servicemesh.aliyuncs.com', {
    product: 'servicemesh',
    version: '2020-01-11',
  });
  const body = await send({
    action: 'DescribeServiceMeshKubeconfig',
    style: 'RPC',
    method: 'POST',
    pathname: '/',
    query: { ServiceMeshId: meshId, PrivateIpAddress: cloud.isPrivate ?? false },
    about: meshId,
  });
  const answer = v.safeParse(meshAnswer, body);
  if (!answer.success) throw new TransientError(`kubeconfig asm:${meshId}: the answer is not whole`);
  return { yaml: answer.output.Kubeconfig, untilMs: clock.now() + meshCacheMs };
}

function sender(
  cloud: CloudAccess,
  clock: Clock,
  endpoint: string,
  api: { readonly product: string; readonly version: string },
): OpenApi {
  const { region, credentials } = cloud;
  return openApi({ region, credentials, clock, endpoint, ...api, protocol: cloud.protocol ?? 'https' });
}
