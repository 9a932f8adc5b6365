import type { V1Service, V1ServicePort } from '@kubernetes/client-node';
import { backendsFor, type CloudBackend, modeOf } from './backend-set.ts';
import type { FoundGroup } from './clb-calls.ts';
import { isOn, keyOf, read } from './cloud-annotations.ts';
import type { ReconcileContext } from './reconcile-context.ts';
import { diffVgroup } from './vgroup-diff.ts';
import { groupForPort, groupsNamed, isMarkOf, markOf, parseMark } from './vgroup-port.ts';

/** A group as it should be for one Service port. */
export interface WantedGroup {
  /** Of the Service. */
  readonly port: number;
  /** Of a reused group; '' for one that the controller makes and finds by its name. */
  readonly id: string;
  readonly name: string;
  readonly backends: readonly CloudBackend[];
  readonly invalid: readonly string[];
}

interface RemoteGroup extends FoundGroup {
  readonly backends: readonly CloudBackend[];
}

/**
 * The groups that a Service should have. What cannot be built fails the reconcile in 2.11; 2.14 loses the error and
 * with it the port, which `applyWanted` then takes for unused (reference A11).
 *
 * @source cloud-provider-alibaba-cloud v2.14.0 pkg/controller/service/clbv1/vgroups.go (BuildLocalModel)
 */
export async function buildGroups(
  context: ReconcileContext,
  service: V1Service,
  loadBalancer: string,
): Promise<readonly WantedGroup[]> {
  const wanted: WantedGroup[] = [];
  for (const port of service.spec?.ports ?? []) {
    try {
      wanted.push(await buildGroup(context, service, port, loadBalancer));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      if (context.version === '2.11') {
        throw new Error(
          `build lb local model error: build vserver groups error: build vgroup for port ${port.port} error: ${why}`,
          { cause },
        );
      }
    }
  }
  return wanted;
}

async function buildGroup(
  context: ReconcileContext,
  service: V1Service,
  port: V1ServicePort,
  loadBalancer: string,
): Promise<WantedGroup> {
  const name = markOf(
    service,
    modeOf(service) === 'eni' ? String(port.targetPort ?? port.port) : (port.nodePort ?? 0),
    context.clusterId,
  );
  const mapping = loadBalancer === '' ? '' : read(service, 'vgroup-port');
  const id = mapping === '' ? '' : await reusedGroup(context, mapping, port.port, loadBalancer);
  const key = keyOf(service);
  const view = {
    service,
    slices: context.kube.slices(key),
    nodes: context.kube.nodes(),
    version: context.version,
    eniOf: context.eniOf,
  };
  const { backends, invalid } = backendsFor(view, port, name);
  if (backends.length === 0) {
    const message = 'There are no available nodes for LoadBalancer';
    context.kube.record(service, { type: 'Normal', reason: 'UnAvailableLoadBalancer', message });
  }
  return { port: port.port, id, name, backends, invalid };
}

/** The mapped group after its checks, '' where the port is not mapped. */
async function reusedGroup(
  context: ReconcileContext,
  mapping: string,
  port: number,
  loadBalancer: string,
): Promise<string> {
  const id = await prefixed('vgroupid parse error', async () => groupForPort(mapping, port));
  if (id === '') return '';
  const groups = await prefixed(`find vgroupId ${id} of lb ${loadBalancer} error`, () =>
    context.clb.groups(loadBalancer),
  );
  const group = groups.find((one) => one.id === id);
  if (group === undefined) throw new Error(`can not find vgroupId ${id} in lb ${loadBalancer}`);
  if (parseMark(group.name) === null) return id;
  throw new Error(`cannot reuse a ccm created vgroup ${id} for slb ${loadBalancer}`);
}

/** Changes the groups of the load balancer into the wanted ones; with a changed hash it also takes down what is unused. */
export async function applyWanted(
  context: ReconcileContext,
  service: V1Service,
  loadBalancer: string,
  wanted: readonly WantedGroup[],
  isHashChanged: boolean,
): Promise<void> {
  const remote = await prefixed(
    'apply model error: get lb backend from remote error: DescribeVServerGroups error',
    () => describeGroups(context, service, loadBalancer),
  );
  const failures: Error[] = [];
  const applied = new Set<string>();
  for (const group of wanted) {
    const found = remote.find((one) => (group.id === '' ? one.name === group.name : one.id === group.id));
    const identity = found?.id ?? group.name;
    // Two ports on one group: the first in spec order has it (reference A4).
    if (applied.has(identity)) continue;
    applied.add(identity);
    await applyGroup(context, service, loadBalancer, group, found).catch((cause: Error) => failures.push(cause));
  }
  if (failures.length > 0) throw new Error(`apply model error: ${aggregate(failures)}`, { cause: failures[0] });
  if (isHashChanged) {
    const kept = new Set(wanted.map((group) => group.id || group.name));
    const unused = remote.filter((group) => !kept.has(group.id) && !kept.has(group.name));
    await prefixed('apply model error: cleanup lb error', () => cleanUnused(context, service, unused));
  }
  if (wanted.some((group) => group.invalid.length > 0)) throw new Error('has invalid backend in vservergroups');
}

/** Every group of the load balancer; backends only of the Service's own groups and of those its annotation names. */
async function describeGroups(
  context: ReconcileContext,
  service: V1Service,
  loadBalancer: string,
): Promise<readonly RemoteGroup[]> {
  const named = groupsNamed(read(service, 'vgroup-port'));
  const groups = await context.clb.groups(loadBalancer);
  const described: RemoteGroup[] = [];
  for (const group of groups) {
    const isConcerned = named.includes(group.id) || isMarkOf(group.name, service, context.clusterId);
    described.push({ ...group, backends: isConcerned ? await backendsOf(context, group.id) : [] });
  }
  return described;
}

async function backendsOf(context: ReconcileContext, group: string): Promise<readonly CloudBackend[]> {
  // Where 2.14 cannot read a group it takes it for empty, and adds everything again (reference A11).
  if (context.version === '2.14') return context.clb.backends(group).catch(() => []);
  return context.clb.backends(group);
}

async function applyGroup(
  context: ReconcileContext,
  service: V1Service,
  loadBalancer: string,
  wanted: WantedGroup,
  found: RemoteGroup | undefined,
): Promise<void> {
  const group = found?.id ?? (await context.clb.createGroup(loadBalancer, wanted.name));
  const diff = diffVgroup(wanted.backends, found?.backends ?? [], {
    isMine: (backend) => isMarkOf(backend.description, service, context.clusterId),
    ignoreWeight: isOn(service, 'ignore-weight-update'),
    sharedNodeChurn: context.sharedNodeChurn,
  });
  const failures: Error[] = [];
  let mustAddAgain = false;
  await context.clb.change('AddVServerGroupBackendServers', group, diff.add).catch((cause: Error) => {
    mustAddAgain = cause.message.includes('InstanceBackendServerNumberOverLimit');
    if (!mustAddAgain) failures.push(cause);
  });
  if (wanted.invalid.length > 0) {
    const message = `Skip delete and update backends of vgroup [${group}], invalid backends [${wanted.invalid.join(',')}]`;
    context.kube.record(service, { type: 'Warning', reason: 'SkipSyncBackends', message });
    return;
  }
  const rest = [
    ['RemoveVServerGroupBackendServers', diff.remove],
    ['SetVServerGroupAttribute', diff.set],
    ['AddVServerGroupBackendServers', mustAddAgain ? diff.add : []],
  ] as const;
  // A failing part does not keep the next from being tried.
  for (const [action, backends] of rest) {
    await context.clb.change(action, group, backends).catch((cause: Error) => failures.push(cause));
  }
  if (failures.length > 0) throw new Error(aggregate(failures), { cause: failures[0] });
}

/** A group of mine is deleted; from a group of the user, only my backends go. */
async function cleanUnused(
  context: ReconcileContext,
  service: V1Service,
  unused: readonly RemoteGroup[],
): Promise<void> {
  for (const group of unused) {
    if (isMarkOf(group.name, service, context.clusterId)) {
      await context.clb.deleteGroup(group.id);
      continue;
    }
    const mine = group.backends.filter((backend) => isMarkOf(backend.description, service, context.clusterId));
    await context.clb.change('RemoveVServerGroupBackendServers', group.id, mine);
  }
}

/** As Go's aggregate prints: one error bare, several in brackets. */
function aggregate(failures: readonly Error[]): string {
  const texts = failures.map((failure) => failure.message);
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

/** Runs an action and puts the vendor's words before the text of its error. */
export async function prefixed<T>(words: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw new Error(`${words}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
