import { createHash, randomBytes } from 'node:crypto';
import type { SandboxClock } from './clock.ts';
import type { Doors } from './function-compute/function-compute.ts';

/** The installation's name of the ACK cluster with the traffic, of the mesh, and of the step function. */
export const clusterName = 'ack';
export const meshName = 'asm';
const stepFunction = 'step';

/** Tokens of the functions' API, made anew for every sandbox. */
export interface Tokens {
  readonly operator: string;
  readonly reporter: string;
  readonly viewer: string;
}

/** What the functions' environment is made of. Paths and addresses only: kubeconfigs themselves are far over 4 KB. */
export interface EnvironmentParts {
  readonly doors: Doors;
  readonly accountId: string;
  readonly regionId: string;
  readonly clock: SandboxClock;
  readonly clusters: Readonly<Record<string, { readonly id: string; readonly kubeconfig: string }>>;
  readonly meshKubeconfig: string;
  readonly backendType: 'eni' | 'ecs';
  /** `host:port` of the CLB OpenAPI. */
  readonly clbEndpoint: string;
  /** Where the listeners of the load balancers answer. */
  readonly entries: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly chat: ChatSecrets & { readonly url: string };
  readonly tokens: Tokens;
  readonly store: { readonly redisUrl: string } | { readonly dataFolder: string };
}

export interface ChatSecrets {
  readonly accessToken: string;
  readonly dingtalkSecret: string;
  readonly webhookSecret: string;
}

export function makeTokens(): Tokens {
  const token = (): string => randomBytes(24).toString('base64url');
  return { operator: token(), reporter: token(), viewer: token() };
}

export function makeChatSecrets(): ChatSecrets {
  return {
    accessToken: randomBytes(16).toString('hex'),
    dingtalkSecret: `SEC${randomBytes(16).toString('hex')}`,
    webhookSecret: `whsec_${randomBytes(24).toString('base64')}`,
  };
}

/** The environment of the functions, in the variables that the product's configuration documents. */
export function functionEnvironment(parts: EnvironmentParts): Readonly<Record<string, string>> {
  const { doors, clock, chat } = parts;
  return {
    ...('redisUrl' in parts.store ? { REDIS_URL: parts.store.redisUrl } : { SLUICE_DATA: parts.store.dataFolder }),
    ...placesEnvironment(parts),
    SLUICE_CLB: JSON.stringify({ region: parts.regionId, endpoint: parts.clbEndpoint, protocol: 'http' }),
    SLUICE_CLB_ENTRIES: JSON.stringify(parts.entries),
    SLUICE_INVOKER: JSON.stringify({ endpoint: doors.endpoint, accountId: parts.accountId, function: stepFunction }),
    SLUICE_TOKENS: JSON.stringify({
      you: { role: 'operator', sha256: sha256(parts.tokens.operator) },
      gateways: { role: 'reporter', sha256: sha256(parts.tokens.reporter) },
      guest: { role: 'viewer', sha256: sha256(parts.tokens.viewer) },
    }),
    SLUICE_CHANNELS: JSON.stringify({
      ops: { kind: 'dingtalk', url: 'env:SLUICE_CHANNEL_OPS_URL', secret: 'env:SLUICE_CHANNEL_OPS_SECRET' },
      audit: { kind: 'webhook', url: 'env:SLUICE_CHANNEL_AUDIT_URL', secret: 'env:SLUICE_CHANNEL_AUDIT_SECRET' },
    }),
    SLUICE_CHANNEL_OPS_URL: `${chat.url}/dingtalk/robot/send?access_token=${chat.accessToken}`,
    SLUICE_CHANNEL_OPS_SECRET: chat.dingtalkSecret,
    SLUICE_CHANNEL_AUDIT_URL: `${chat.url}/webhook`,
    SLUICE_CHANNEL_AUDIT_SECRET: chat.webhookSecret,
    SLUICE_CLOCK: `${clock.speed}@${clock.anchorMs}`,
    SLUICE_PROBE_LOOPBACK: 'allow',
    // The certificate of its HTTPS listeners is signed by nobody.
    SLUICE_PROBE_CERTIFICATES: 'any',
    ...(doors.urls['api'] === undefined ? {} : { SLUICE_PUBLIC_URL: doors.urls['api'] }),
  };
}

/** The part that says where clusters and mesh are, and with which kubeconfigs. */
export function placesEnvironment(
  parts: Pick<EnvironmentParts, 'clusters' | 'meshKubeconfig' | 'backendType'>,
): Readonly<Record<'SLUICE_CLUSTERS' | 'SLUICE_MESHES', string>> {
  const clusters = Object.entries(parts.clusters).map(([name, { id, kubeconfig }]) => [
    name,
    { id, kubeconfig: `file:${kubeconfig}`, ...(parts.backendType === 'eni' ? {} : { defaultBackendType: 'ecs' }) },
  ]);
  return {
    SLUICE_CLUSTERS: JSON.stringify(Object.fromEntries(clusters)),
    SLUICE_MESHES: JSON.stringify({ [meshName]: { kubeconfig: `file:${parts.meshKubeconfig}` } }),
  };
}

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
