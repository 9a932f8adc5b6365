import type { V1Service } from '@kubernetes/client-node';
import { applyWanted, buildGroups, prefixed, type WantedGroup } from './apply-groups.ts';
import { clusterTag, eventText, type FoundLoadBalancer, madeName, madeTag, reusedTag } from './clb-calls.ts';
import { finalizer, hashLabel, keyOf, loadBalancerLabel, needsClb, needsCleaning, read } from './cloud-annotations.ts';
import type { KubeApi, ReconcileContext } from './reconcile-context.ts';
import { serviceHash } from './service-hash.ts';

/**
 * One reconcile of one Service, with neither clock nor timer: what it finds wrong it throws, after the event, and the
 * caller tries again later.
 *
 * @source cloud-provider-alibaba-cloud v2.14.0 pkg/controller/service/clbv1/service_controller.go (reconcile)
 */
export async function reconcile(context: ReconcileContext, key: string): Promise<void> {
  const service = context.kube.service(key);
  if (service === null) return;
  if (needsCleaning(service) || !needsClb(service)) await clean(context, service);
  else await ensure(context, service);
}

async function ensure(context: ReconcileContext, service: V1Service): Promise<void> {
  const { kube } = context;
  const key = keyOf(service);
  await reporting(context, service, 'FailedAddFinalizer', 'Error adding finalizer', () => addFinalizer(kube, service));
  const reached = { id: '' };
  const { id, address } = await sync(context, service, reached).catch((cause: unknown) => {
    const error = asError(cause);
    const message = `Error syncing load balancer [${reached.id}]: ${eventText(error)}`;
    kube.record(service, { type: 'Warning', reason: 'SyncLoadBalancerFailed', message });
    throw error;
  });
  await reporting(context, service, 'FailedAddHash', 'Error adding service hash', () =>
    setLabels(kube, service, { [hashLabel]: serviceHash(service), [loadBalancerLabel]: id }),
  );
  await reporting(context, service, 'FailedUpdateStatus', 'Error updating load balancer status', async () => {
    const hostname = read(service, 'hostname');
    const ingress = hostname === '' ? { ip: address } : { hostname };
    const [now, ...others] = service.status?.loadBalancer?.ingress ?? [];
    if (others.length === 0 && now?.ip === ingress.ip && now?.hostname === ingress.hostname) return;
    await kube.patchServiceStatus(key, { status: { loadBalancer: { ingress: [ingress] } } });
  });
  kube.record(service, { type: 'Normal', reason: 'EnsuredLoadBalancer', message: `Ensured load balancer [${id}]` });
}

/** Builds what should be, looks at what is, and changes the second into the first; `reached` tells how far it came. */
async function sync(
  context: ReconcileContext,
  service: V1Service,
  reached: { id: string },
): Promise<FoundLoadBalancer> {
  const isHashChanged = service.metadata?.labels?.[hashLabel] !== serviceHash(service);
  const id = read(service, 'id');
  const groups = await buildGroups(context, service, id);
  const loadBalancer = id === '' ? await ownLoadBalancer(context, service) : await byId(context, id);
  reached.id = loadBalancer.id;
  if (isHashChanged)
    await prefixed('apply model error: update lb attribute error', () =>
      checkReuse(context, service, loadBalancer, id !== ''),
    );
  await applyWanted(context, service, loadBalancer.id, groups, isHashChanged);
  if (id === '' && isHashChanged)
    await prefixed('apply model error: update listeners error', () =>
      ensureListeners(context, loadBalancer.id, groups),
    );
  return loadBalancer;
}

/** Listeners of a load balancer that the controller made; those of a reused one are left alone (reference A2). */
async function ensureListeners(
  { clb }: ReconcileContext,
  loadBalancer: string,
  groups: readonly WantedGroup[],
): Promise<void> {
  const [ports, remote] = [await clb.listenerPorts(loadBalancer), await clb.groups(loadBalancer)];
  for (const { port, name } of groups) {
    const group = remote.find((one) => one.name === name);
    if (group !== undefined && !ports.includes(port)) await clb.createListener(loadBalancer, port, group.id);
  }
}

function byId(context: ReconcileContext, id: string): Promise<FoundLoadBalancer> {
  return prefixed('apply model error: get load balancer attribute from cloud, error', () =>
    context.clb.loadBalancerById(id),
  );
}

async function ownLoadBalancer(context: ReconcileContext, service: V1Service): Promise<FoundLoadBalancer> {
  const uid = service.metadata?.uid ?? '';
  const existing = await context.clb.loadBalancerMadeFor(uid);
  if (existing !== null) return existing;
  const [ingress] = service.status?.loadBalancer?.ingress ?? [];
  if (ingress !== undefined) {
    throw new Error(
      `apply model error: alicloud: can not find loadbalancer, but it's defined in service [${ingress.ip ?? ''}] ` +
        'this may happen when you delete the loadbalancer',
    );
  }
  const addressType = read(service, 'address-type') || 'internet';
  const created = await prefixed('apply model error: create lb error', () =>
    context.clb.createLoadBalancer(madeName(uid), addressType),
  );
  return context.clb.loadBalancerById(created);
}

/** Whether a load balancer may be reused, and the tags that say whose it is (reference A7); only when the hash changed. */
async function checkReuse(
  context: ReconcileContext,
  service: V1Service,
  loadBalancer: FoundLoadBalancer,
  isReused: boolean,
): Promise<void> {
  const tags = await context.clb.tagKeys(loadBalancer.id);
  if (isReused) {
    const reason = whyNotReusable(service, tags, loadBalancer.address);
    if (reason !== null) throw new Error(`alicloud: the loadbalancer ${loadBalancer.id} can not be reused, ${reason}`);
    if (!tags.includes(reusedTag) && tags.length < 10) await context.clb.tag(loadBalancer.id, reusedTag, 'true');
  } else {
    const own = { [madeTag]: madeName(service.metadata?.uid ?? ''), [clusterTag]: context.clusterId };
    for (const [key, value] of Object.entries(own))
      if (!tags.includes(key)) await context.clb.tag(loadBalancer.id, key, value);
  }
  const addressType = read(service, 'address-type');
  if (addressType !== '' && addressType !== loadBalancer.addressType) {
    throw new Error('alicloud: can not change LoadBalancer AddressType once created. delete and retry');
  }
}

function whyNotReusable(service: V1Service, tags: readonly string[], address: string): string | null {
  if (tags.includes(madeTag) || tags.includes(clusterTag)) return 'can not reuse loadbalancer created by kubernetes.';
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  if (ingress.length === 0 || read(service, 'external-ip-type') === 'eip') return null;
  if (ingress.some((one) => one.ip === address || (one.ip === undefined && one.hostname !== undefined))) return null;
  return `service has been associated with ip [${ingress[0]?.ip ?? ''}], cannot be bound to ip [${address}]`;
}

/** Takes down what the controller set up for this Service; a reused load balancer and its groups stay (reference A6). */
async function clean(context: ReconcileContext, service: V1Service): Promise<void> {
  const { kube } = context;
  if (service.metadata?.finalizers?.includes(finalizer)) {
    await cleanLoadBalancer(context, service);
    await reporting(context, service, 'FailedRemoveHash', 'Error removing service hash', () =>
      setLabels(kube, service, { [hashLabel]: null, [loadBalancerLabel]: null }),
    );
    if (service.status?.loadBalancer?.ingress !== undefined) {
      await reporting(context, service, 'FailedUpdateStatus', 'Error removing load balancer status', () =>
        kube.patchServiceStatus(keyOf(service), { status: { loadBalancer: { ingress: null } } }),
      );
    }
    await reporting(context, service, 'FailedRemoveFinalizer', 'Error removing load balancer finalizer', () =>
      kube.patchService(keyOf(service), {
        metadata: { finalizers: service.metadata?.finalizers?.filter((one) => one !== finalizer) ?? [] },
      }),
    );
  }
  kube.record(service, { type: 'Normal', reason: 'CleanLoadBalancer', message: 'Clean load balancer' });
}

async function cleanLoadBalancer(context: ReconcileContext, service: V1Service): Promise<void> {
  const id = read(service, 'id');
  try {
    const own = id === '' ? await context.clb.loadBalancerMadeFor(service.metadata?.uid ?? '') : null;
    if (own !== null && needsCleaning(service)) await context.clb.deleteLoadBalancer(own.id);
    else if (id !== '') await applyWanted(context, service, id, [], true);
  } catch (cause) {
    const error = asError(cause);
    if (error.message.includes('LoadBalancerId does not exist')) return;
    const message = `Error deleting load balancer [${id}]: ${eventText(error)}`;
    context.kube.record(service, { type: 'Warning', reason: 'CleanLoadBalancerFailed', message });
    throw error;
  }
}

async function addFinalizer(kube: KubeApi, service: V1Service): Promise<void> {
  const present = service.metadata?.finalizers ?? [];
  if (present.includes(finalizer)) return;
  await kube.patchService(keyOf(service), { metadata: { finalizers: [...present, finalizer] } });
}

/** Through the status subresource, as the controller does, and only where something differs. */
async function setLabels(
  kube: KubeApi,
  service: V1Service,
  labels: Readonly<Record<string, string | null>>,
): Promise<void> {
  const present = service.metadata?.labels ?? {};
  const isSet = Object.entries(labels).every(([key, value]) => (present[key] ?? null) === value);
  if (!isSet) await kube.patchServiceStatus(keyOf(service), { metadata: { labels } });
}

async function reporting(
  context: ReconcileContext,
  service: V1Service,
  reason: string,
  what: string,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (cause) {
    const error = asError(cause);
    context.kube.record(service, { type: 'Warning', reason, message: `${what}: ${error.message}` });
    throw error;
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
