import { type Base, makeBase, type StartOptions } from './base.ts';
import type { Credential } from './clb/authentication.ts';
import { ClbModel } from './clb/model.ts';
import type { SandboxClock } from './clock.ts';
import { Closing } from './closing.ts';
import { type Clusters, startClusters } from './clusters.ts';
import { type Controls, startControl } from './control/control.ts';
import { sandboxControls } from './control/sandbox-controls.ts';
import { seedClusters, settled, startClb, startControllers, startMeshOf } from './control-plane.ts';
import { type Counters, countersOf } from './data-plane/counters.ts';
import type { DataPlane } from './data-plane/load-balancer.ts';
import { type Build, findBuild } from './deployment.ts';
import { awaitEntries } from './entry-check.ts';
import { clusterName, makeChatSecrets, makeTokens, type Tokens } from './environment.ts';
import type { FaultPlace } from './faults.ts';
import { reportCounters, startChatOf, startFunctions } from './functions.ts';
import type { Mesh } from './mesh/mesh.ts';
import type { Seeded } from './seeding.ts';
import { accountId, regionId } from './starting-objects.ts';
import {
  type ClientTraffic,
  type Gateways,
  startEntries,
  startGateways,
  startTraffic,
  takeAllAddresses,
} from './traffic.ts';

export type { StartOptions } from './base.ts';

/** What `sluice sandbox` prints: where everything is. Kubeconfigs are file paths, URLs end without a slash. */
export interface SandboxDescription {
  readonly ack: { readonly kubeconfig: string };
  readonly asm: { readonly kubeconfig: string };
  /** Every ACK cluster by name, `ack` and the added ones. */
  readonly clusters: Readonly<Record<string, { readonly kubeconfig: string }>>;
  readonly clb: {
    readonly endpoint: string;
    readonly accessKeyId: string;
    readonly accessKeySecret: string;
    readonly regionId: string;
  };
  /** The API's URL and an operator's token; the URL is null where the function `api` is not built. */
  readonly functions: { readonly url: string | null; readonly token: string };
  readonly entries: DataPlane['entries'];
  readonly chat: { readonly url: string };
  readonly control: { readonly url: string };
}

export interface Sandbox {
  readonly description: SandboxDescription;
  /** What the control API does, without HTTP. */
  readonly controls: Controls;
  readonly clock: SandboxClock;
  /** Further tokens of the functions' API; the operator's is in the description. */
  readonly tokens: Tokens;
  /** Every secret that the product was given, for who wants to see that none comes out. */
  readonly secrets: readonly string[];
  /** The last lines that the instances of a function printed. */
  logs(functionName: string): readonly string[];
  /** Ends everything that was started and removes its folder. */
  stop(): Promise<void>;
}

const entriesWithinMs = 60_000;
/** Of sandbox time, beside what the latencies that were asked for explain. */
const settleWithinMs = 60_000;

/**
 * Starts a local Alibaba Cloud on loopback and resolves when everything answers and the controllers have settled.
 *
 * @throws Error where a part cannot start or the signal is aborted; what was started is ended before
 */
export async function startSandbox(start: StartOptions = {}): Promise<Sandbox> {
  const closing = new Closing();
  try {
    return await compose(await makeBase(start, closing), start.functionsFolder);
  } catch (error) {
    await closing.end();
    throw error;
  }
}

async function compose(base: Base, functionsFolder?: string): Promise<Sandbox> {
  const { options, clock, closing, signal, progress } = base;
  const build = findBuild(functionsFolder);
  const cloud = await startCloud(base, build);
  signal.throwIfAborted();
  progress('the controllers have settled');
  const secrets = makeChatSecrets();
  const chat = await startChatOf(base, secrets);
  const account = { accountId, region: regionId, credentials: cloud.keys, roles: base.roles };
  const tokens = makeTokens();
  const functions = await startFunctions(base, {
    build,
    account,
    tokens,
    clusters: cloud.clusters,
    clbEndpoint: cloud.clbEndpoint,
    entries: cloud.plane.entries,
    chat: { ...secrets, url: chat.url },
  });
  const url = functions.urls['api'] ?? null;
  const urls = Object.values(cloud.plane.entries).flatMap((ports) => Object.values(ports));
  await awaitEntries(urls, entriesWithinMs, clock, signal);
  signal.throwIfAborted();
  const plain = Object.values(cloud.plane.entries).flatMap((ports) => ports['80'] ?? []);
  const pods = cloud.gateways.pods('source', options.sourceBackends);
  const traffic = startTraffic({ urls: plain, pods, ratePerSecond: options.ratePerSecond }, closing);
  const counters = (): Counters => readCounters(cloud, traffic);
  reportCounters(base, url, counters, tokens);
  const controls = sandboxControls({
    ...cloud,
    clock,
    faults: base.faults,
    chat,
    functions,
    traffic,
    counters,
    options,
    untouchable: untouchable(base, cloud.clusters),
  });
  const control = closing.add('the control API', await startControl(controls, options.port), (one) => one.stop());
  const description = describe(cloud, { url, token: tokens.operator }, chat.url, control.url);
  return {
    description,
    controls,
    clock,
    tokens,
    secrets: [...Object.values(tokens), ...Object.values(secrets), ...secretsOf(cloud, base)],
    logs: (name) => functions.host.logs(name),
    stop: () => closing.end(),
  };
}

function secretsOf({ keys, clusters }: Cloud, { roles }: Base): readonly string[] {
  const all = [...Object.values(clusters.ack), clusters.asm].filter(({ isOwn }) => isOwn);
  const tokens = all.flatMap(({ kubeconfig }) => /^ *token: (\S+)$/m.exec(kubeconfig)?.[1] ?? []);
  const held = roles.flatMap((role) => [role.ackToken, role.asmToken, ...Object.values(role.keys)]);
  return [keys.accessKeyId, keys.accessKeySecret, ...tokens, ...held];
}

function readCounters({ gateways, plane, mesh }: Cloud, { clients }: ClientTraffic): Counters {
  const subsets = Object.entries(mesh.subsets()).map(([host, of]) => [host, Object.keys(of)] as const);
  return countersOf(gateways.of.source, gateways.of.target, clients, plane, Object.fromEntries(subsets));
}

/** The cloud without its functions: clusters, load balancers, gateways and controllers, settled. */
interface Cloud {
  readonly clusters: Clusters;
  readonly clb: ClbModel;
  readonly clbEndpoint: string;
  readonly keys: Credential;
  readonly gateways: Gateways;
  readonly seeded: Seeded;
  readonly mesh: Mesh;
  readonly plane: DataPlane;
  readonly settled: () => Promise<void>;
}

async function startCloud(base: Base, build: Build): Promise<Cloud> {
  const { options, progress } = base;
  const clusters = await startClusters(base);
  const clb = new ClbModel({ random: base.random(2) });
  const addresses = await takeAllAddresses(base, clusters);
  const gateways = await startGateways(base, addresses, build.gatewayProgram);
  progress('API servers and gateways are up');
  const seeded = await seedClusters(base, clusters, clb, addresses);
  const mesh = await startMeshOf(base, clusters, gateways);
  const clbEndpoint = await startClb(base, clusters, clb);
  const plane = await startEntries(base, clb);
  const controllers = await startControllers(base, clusters, clb);
  const withinMs = settleWithinMs + 30 * (options.controllerLatencyMs + options.meshLatencyMs);
  const settle = (): Promise<void> => settled(base, controllers, withinMs);
  await settle();
  return { clusters, clb, clbEndpoint, keys: base.keys, gateways, seeded, mesh, plane, settled: settle };
}

function describe(
  cloud: Cloud,
  functions: SandboxDescription['functions'],
  chatUrl: string,
  controlUrl: string,
): SandboxDescription {
  const { clusters, keys, clbEndpoint, plane } = cloud;
  const all = Object.entries(clusters.ack).map(([name, { file }]) => [name, { kubeconfig: file }] as const);
  return {
    ack: { kubeconfig: clusters.ack[clusterName]?.file ?? '' },
    asm: { kubeconfig: clusters.asm.file },
    clusters: Object.fromEntries(all),
    clb: {
      endpoint: clbEndpoint,
      accessKeyId: keys.accessKeyId,
      accessKeySecret: keys.accessKeySecret,
      regionId,
    },
    functions,
    entries: plane.entries,
    chat: { url: chatUrl },
    control: { url: controlUrl },
  };
}

/** Where faults would be accepted and do nothing, because something real stands there. */
function untouchable(base: Base, clusters: Clusters): Readonly<Partial<Record<FaultPlace, string>>> {
  const real = 'a real API server is used there';
  return {
    ...(clusters.ack[clusterName]?.isOwn ? {} : { ack: real }),
    ...(clusters.asm.isOwn ? {} : { asm: real }),
    ...(base.redisUrl === null ? { redis: 'this sandbox keeps its records in LMDB; start it with REDIS_URL' } : {}),
  };
}
