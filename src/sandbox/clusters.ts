import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { SandboxClock } from './clock.ts';
import type { Closing } from './closing.ts';
import { clusterName, meshName } from './environment.ts';
import type { Faults } from './faults.ts';
import { type ApiServer, ackResources, asmResources, startApiServer } from './kubernetes/server.ts';
import type { SandboxOptions } from './options.ts';
import type { HeldRole } from './roles.ts';
import { gatewayNamespace, sandboxClusterId } from './starting-objects.ts';
import type { Workspace } from './workspace.ts';

/** One Kubernetes API as everybody else reaches it: the sandbox's own server, or a real one. */
export interface Cluster {
  readonly id: string;
  /** Path of the kubeconfig, and what is in it. */
  readonly file: string;
  readonly kubeconfig: string;
  /** False for a real server, where no fault of ours can strike. */
  readonly isOwn: boolean;
  /** Path of the kubeconfig of each role. */
  readonly files: Readonly<Record<string, string>>;
}

export interface Clusters {
  /** By name; `ack` has the traffic, the others are added ones. */
  readonly ack: Readonly<Record<string, Cluster>>;
  readonly asm: Cluster;
}

export interface ClusterParts {
  readonly options: SandboxOptions;
  readonly clock: SandboxClock;
  readonly faults: Faults;
  readonly workspace: Workspace;
  readonly closing: Closing;
  readonly roles: readonly HeldRole[];
}

/** Starts the API servers, or takes the real ones that the options name. @throws Error where a kubeconfig cannot be read */
export async function startClusters(parts: ClusterParts): Promise<Clusters> {
  const { ackKubeconfig, asmKubeconfig, clusters } = parts.options;
  const ack: Record<string, Cluster> = {
    [clusterName]: await clusterOf(parts, clusterName, 'ack', sandboxClusterId, ackKubeconfig),
  };
  for (let number = 2; number <= clusters + 1; number += 1) {
    const name = `${clusterName}-${number}`;
    ack[name] = await clusterOf(parts, name, 'ack', addedClusterId(number), null);
  }
  return { ack, asm: await clusterOf(parts, meshName, 'asm', 'm-sandbox', asmKubeconfig) };
}

/** As long as a real one: its length matters where it is part of a description at the load balancer. */
function addedClusterId(number: number): string {
  return `${sandboxClusterId.slice(0, -2)}${String(number).padStart(2, '0')}`;
}

async function clusterOf(
  parts: ClusterParts,
  name: string,
  place: 'ack' | 'asm',
  id: string,
  given: string | null,
): Promise<Cluster> {
  if (given !== null) {
    const file = resolve(given);
    return { id, file, kubeconfig: await readFile(file, 'utf8'), isOwn: false, files: {} };
  }
  const { clock, faults, workspace, closing, roles } = parts;
  const tokenOf = ({ ackToken, asmToken }: HeldRole): string => (place === 'ack' ? ackToken : asmToken);
  const tokens = Object.fromEntries(roles.map((role) => [tokenOf(role), role[place]] as const));
  const serves = place === 'ack' ? ackResources : asmResources;
  const started = await startApiServer({ name, place, serves, clock, faults, tokens });
  const server: ApiServer = closing.add(`the API server ${name}`, started, (one) => one.stop());
  for (const namespace of ['default', gatewayNamespace]) {
    server.model.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, clock.now());
  }
  const { kubeconfig } = server;
  const files: Record<string, string> = {};
  for (const role of roles) {
    files[role.name] = await workspace.kubeconfig(`${name}-${role.name}`, server.kubeconfigFor(tokenOf(role)));
  }
  return { id, file: await workspace.kubeconfig(name, kubeconfig), kubeconfig, isOwn: true, files };
}
