import type { Base } from './base.ts';
import { clbClient } from './clb/client.ts';
import type { ClbModel } from './clb/model.ts';
import { startOpenApi } from './clb/open-api.ts';
import type { Clusters } from './clusters.ts';
import { startAsmController } from './controllers/asm-controller.ts';
import { startCloudController } from './controllers/cloud-controller.ts';
import type { Controller } from './controllers/idle.ts';
import { clusterName } from './environment.ts';
import { type Mesh, startMesh } from './mesh/mesh.ts';
import { type Seeded, seed, seedOtherCluster } from './seeding.ts';
import { accountId, regionId } from './starting-objects.ts';
import type { AddressBook, Gateways } from './traffic.ts';

/** Puts the state before a migration into the servers. */
export async function seedClusters(
  base: Base,
  clusters: Clusters,
  clb: ClbModel,
  addresses: AddressBook,
): Promise<Seeded> {
  const { mode, sourceBackends, targetBackends, internal } = base.options;
  const { [clusterName]: ack, ...others } = clusters.ack;
  const shared = { mode, targetBackends, now: () => base.clock.now() };
  for (const [at, [name, { kubeconfig }]] of Object.entries(others).entries()) {
    // As in seed 004: the newest version runs in the second cluster of the mesh.
    const reviews = at === 0 ? { reviews: ['v3'] as const } : {};
    await seedOtherCluster({ ...shared, ...reviews, kubeconfig, addresses: addresses.of(name) });
  }
  return seed({
    ...shared,
    ack: ack?.kubeconfig ?? '',
    asm: clusters.asm.kubeconfig,
    clb,
    clusterId: ack?.id ?? '',
    otherClusterIds: Object.values(others).map(({ id }) => id),
    sourceBackends,
    internal,
    addresses: addresses.of(clusterName),
  });
}

/** Starts the CLB OpenAPI; resolves with its `host:port`. */
export async function startClb(base: Base, clusters: Clusters, model: ClbModel): Promise<string> {
  const { clock, faults, closing } = base;
  const all = [...Object.values(clusters.ack), clusters.asm];
  const options = {
    model,
    clock,
    faults,
    random: base.random(4),
    regionId,
    credentials: [base.keys, ...base.roles.map((role) => ({ ...role.keys, policy: role.cloud }))],
    accountId,
    kubeconfigOf: (id: string) => all.find((cluster) => cluster.id === id)?.kubeconfig ?? null,
  };
  return closing.add('the CLB OpenAPI', await startOpenApi(options), (one) => one.stop()).endpoint;
}

/** Starts the ASM controller and a cloud controller for every ACK cluster. */
export async function startControllers(
  base: Base,
  clusters: Clusters,
  model: ClbModel,
): Promise<readonly Controller[]> {
  const { options, clock, faults, closing, progress } = base;
  const shared = { clock, faults, clb: clbClient({ model, clock, faults }), version: options.controller };
  const controllers: Controller[] = [];
  const add = (what: string, controller: Controller): void => {
    controllers.push(closing.add(what, controller, (one) => one.stop()));
  };
  const asm = await startAsmController({
    kubeconfig: clusters.asm.kubeconfig,
    clusters: Object.fromEntries(Object.values(clusters.ack).map(({ id, kubeconfig }) => [id, kubeconfig])),
    clock,
    faults,
    random: base.random(5),
    latencyMs: options.meshLatencyMs,
    log: (line) => progress(`ASM controller: ${line}`),
  });
  add('the ASM controller', asm);
  for (const [at, [name, cluster]] of Object.entries(clusters.ack).entries()) {
    const controller = await startCloudController({
      ...shared,
      kubeconfig: cluster.kubeconfig,
      clusterId: cluster.id,
      random: base.random(10 + at),
      latencyMs: options.controllerLatencyMs,
      regionId,
      log: (line) => progress(`cloud controller of ${name}: ${line}`),
    });
    add(`the cloud controller of ${name}`, controller);
  }
  return controllers;
}

/** Starts the control plane of the mesh, which tells the gateways' processes where calls inside the mesh go. */
export async function startMeshOf(base: Base, clusters: Clusters, gateways: Gateways): Promise<Mesh> {
  const { options, clock, faults, closing, progress } = base;
  const mesh = await startMesh({
    kubeconfig: clusters.asm.kubeconfig,
    clusters: Object.values(clusters.ack).map(({ kubeconfig }) => kubeconfig),
    clock,
    faults,
    latencyMs: options.meshLatencyMs,
    push: (hosts) => gateways.call(hosts),
    log: (line) => progress(`mesh: ${line}`),
  });
  return closing.add('the mesh', mesh, (one) => one.stop());
}

/**
 * Waits until no controller has anything to do: a copy by the one is work for the others, so they are asked in turn.
 *
 * @param withinMs bound in sandbox time
 * @throws Error where they are not done by then
 */
export async function settled(base: Base, controllers: readonly Controller[], withinMs: number): Promise<void> {
  const late = new AbortController();
  const quiet = async (): Promise<string> => {
    // Twice round: what the last one wrote may have been work for the first.
    for (const controller of [...controllers, ...controllers]) if (!late.signal.aborted) await controller.idle();
    return 'quiet';
  };
  const timeout = base.clock.sleep(withinMs, AbortSignal.any([late.signal, base.signal])).then(() => 'late');
  try {
    if ((await Promise.race([quiet(), timeout])) === 'quiet' || base.signal.aborted) return;
    throw new Error(`the controllers have not settled within ${withinMs / 1000} s`);
  } finally {
    late.abort();
  }
}
