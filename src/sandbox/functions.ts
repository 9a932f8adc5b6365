import type { Side } from './addresses.ts';
import type { Base } from './base.ts';
import { type Chat, startChat } from './chat/chat.ts';
import type { Cluster, Clusters } from './clusters.ts';
import type { Counters } from './data-plane/counters.ts';
import type { SideCounters } from './data-plane/gateway-book.ts';
import { type Build, builtFunctions } from './deployment.ts';
import { type ChatSecrets, functionEnvironment, placesEnvironment, type Tokens } from './environment.ts';
import { type FunctionCompute, startFunctionCompute } from './function-compute/function-compute.ts';
import type { Account } from './function-compute/instance-context.ts';
import { startReporter } from './reporter.ts';
import type { CountedWays, Snapshot } from './samples.ts';
import { gateways as gatewayNames, gatewayNamespace, regionId } from './starting-objects.ts';

/** Starts chat with a DingTalk robot and a webhook that check these secrets. */
export async function startChatOf(base: Base, secrets: ChatSecrets): Promise<Chat> {
  const { clock, faults, closing } = base;
  const chat = await startChat({
    clock,
    faults,
    dingtalk: { accessToken: secrets.accessToken, secret: secrets.dingtalkSecret },
    webhook: { secret: secrets.webhookSecret },
  });
  return closing.add('chat', chat, (one) => one.stop());
}

export interface FunctionParts {
  readonly build: Build;
  readonly account: Account;
  readonly tokens: Tokens;
  readonly clusters: Clusters;
  readonly clbEndpoint: string;
  /** Where the listeners of the load balancers answer. */
  readonly entries: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly chat: ChatSecrets & { readonly url: string };
}

/** The built functions; those of a role find the kubeconfigs of their role in place of everybody's. */
function withRoles({ options, roles }: Base, { build, clusters }: FunctionParts): ReturnType<typeof builtFunctions> {
  const built = Object.entries(builtFunctions(build)).map(([name, config]) => {
    const role = roles.find(({ functions }) => functions.includes(name));
    if (role === undefined) return [name, config] as const;
    const fileOf = ({ file, files }: Cluster): string => files[role.name] ?? file;
    const own = Object.entries(clusters.ack).map(
      ([key, cluster]) => [key, { id: cluster.id, kubeconfig: fileOf(cluster) }] as const,
    );
    const places = {
      clusters: Object.fromEntries(own),
      meshKubeconfig: fileOf(clusters.asm),
      backendType: options.mode === 'eni' ? ('eni' as const) : ('ecs' as const),
    };
    // A role reaches its own namespaces only, as template.yml says it.
    return [name, { ...config, env: { ...placesEnvironment(places), SLUICE_NAMESPACES: gatewayNamespace } }] as const;
  });
  return Object.fromEntries(built);
}

/** Starts Function Compute with the functions that were built. */
export async function startFunctions(base: Base, parts: FunctionParts): Promise<FunctionCompute> {
  const { options, clock, faults, closing, workspace, redisUrl, progress } = base;
  const { account, clusters } = parts;
  const started = await startFunctionCompute({
    functions: withRoles(base, parts),
    environment: (doors) =>
      functionEnvironment({
        doors,
        accountId: account.accountId,
        regionId,
        clock,
        clusters: Object.fromEntries(
          Object.entries(clusters.ack).map(([name, { id, file }]) => [name, { id, kubeconfig: file }]),
        ),
        meshKubeconfig: clusters.asm.file,
        backendType: options.mode === 'eni' ? 'eni' : 'ecs',
        clbEndpoint: parts.clbEndpoint,
        entries: parts.entries,
        chat: parts.chat,
        tokens: parts.tokens,
        store: redisUrl === null ? { dataFolder: workspace.data } : { redisUrl },
      }),
    account,
    clock,
    faults,
    random: base.random(6),
    instances: { kind: 'process', program: parts.build.instanceProgram },
    onTrouble: (line) => progress(`function ${line}`),
  });
  return closing.add('Function Compute', started, (one) => one.stop());
}

/** Starts the agent that pushes what the gateways count, where there is an API to push to. */
export function reportCounters(base: Base, url: string | null, counters: () => Counters, tokens: Tokens): void {
  if (url === null) {
    base.progress('the function "api" is not built: nothing is reported and no migration can run');
    return;
  }
  const reporter = startReporter({
    url,
    token: tokens.reporter,
    clock: base.clock,
    instances: { source: gatewayNames.source.deployment, target: gatewayNames.target.deployment },
    read: () => snapshotOf(counters()),
    log: (line) => base.progress(`reporter: ${line}`),
  });
  base.closing.add('the reporter', reporter, (one) => one.stop());
}

function snapshotOf(counters: Counters): Snapshot {
  const { direct, gatewayConnections, loadBalancers, subsets } = counters;
  const whole = (side: Side): CountedWays => ({
    ...counters[side].sinceStart,
    direct: direct[side].sinceStart.requests,
    connections: gatewayConnections[side].total,
  });
  const at = (loadBalancer: string, side: Side, { sinceStart }: SideCounters): CountedWays => ({
    ...sinceStart,
    connections: gatewayConnections[side].loadBalancers[loadBalancer] ?? 0,
  });
  const named = Object.entries(loadBalancers).map(
    ([id, { source, target }]) => [id, { source: at(id, 'source', source), target: at(id, 'target', target) }] as const,
  );
  return {
    sides: { source: whole('source'), target: whole('target') },
    loadBalancers: Object.fromEntries(named),
    subsets,
  };
}
