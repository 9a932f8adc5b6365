import type { V1Service } from '@kubernetes/client-node';
import { readAnnotation } from '../../domain/annotations.ts';
import type { GatewayRef, Route, SideRef } from '../../domain/spec.ts';
import type {
  AutoscalerSurvey,
  GatewaySurvey,
  RouteSurvey,
  ServiceSurvey,
  SideSurvey,
  Told,
} from '../../domain/survey.ts';
import { messageOf, TerminalError, TransientError } from '../../ports/errors.ts';
import type { Cluster, KubernetesClients } from './clients.ts';
import { isServerless, overridesOf } from './gateway-object.ts';
import { clustersOf, followerOf } from './look.ts';
import { findService, listNodes, readGateway } from './objects.ts';
import {
  aggregatedBy,
  type Deployment,
  listAutoscalers,
  listDeployments,
  picks,
  type ScaledObject,
} from './survey-objects.ts';

/**
 * Both sides of a route with what stands around them. What a Role does not allow to read is told as missing, with the
 * permission; only without the Services themselves there is nothing to tell of a side.
 */
export async function survey(clients: KubernetesClients, route: Route): Promise<RouteSurvey> {
  const around = aroundOf();
  const [source, target] = await Promise.all([
    surveySide(clients, around, route.source),
    surveySide(clients, around, route.target),
  ]);
  return { source, target };
}

async function surveySide(clients: KubernetesClients, around: Around, ref: SideRef): Promise<SideSurvey> {
  if (ref.kind === 'service') {
    const service = await surveyService(around, clients.cluster(ref.cluster), ref.namespace, ref.name);
    return { services: service === null ? [] : [service], gateway: null };
  }
  const found = await gatewayOrNull(clients, ref);
  if (found === null) return { services: [], gateway: null };
  const services = await Promise.all(
    found.clusters.map((cluster) => surveyService(around, cluster, ref.namespace, followerOf(ref))),
  );
  return { services: services.filter((one) => one !== null), gateway: found.gateway };
}

async function gatewayOrNull(
  clients: KubernetesClients,
  ref: GatewayRef,
): Promise<{ readonly gateway: GatewaySurvey; readonly clusters: readonly Cluster[] } | null> {
  const { namespace, name } = ref;
  const object = await orNull(readGateway(clients.mesh(ref.mesh), namespace, name));
  if (object === null) return null;
  const forceOf = (annotations: Readonly<Record<string, string>>) =>
    readAnnotation(annotations, 'force-override-listeners');
  const gateway = {
    namespace,
    name,
    isServerless: isServerless(object),
    forceOverride: {
      '': forceOf(object.spec.serviceAnnotations ?? {}),
      ...Object.fromEntries(Object.entries(overridesOf(object)).map(([id, own]) => [id, forceOf(own)])),
    },
  };
  return { gateway, clusters: clustersOf(clients, object, ref) };
}

async function surveyService(
  around: Around,
  cluster: Cluster,
  namespace: string,
  name: string,
): Promise<ServiceSurvey | null> {
  const service = await orNull(findService(cluster, namespace, name));
  if (service === null) return null;
  const isLocal = service.spec?.externalTrafficPolicy === 'Local';
  const [deployments, scaled, nodes, istioApi] = await Promise.all([
    around.deployments(cluster, namespace),
    around.autoscalers(cluster, namespace),
    isLocal ? around.nodes(cluster) : { value: [] },
    around.istioApi(cluster),
  ]);
  const workloads = map(deployments, (all) => all.filter((one) => picks(service, one)).map((one) => one.name));
  return {
    ...factsOf(cluster, service),
    workloads,
    autoscalers: 'missing' in workloads ? workloads : map(scaled, (all) => scalingOf(all, workloads.value)),
    nodes,
    istioApi,
  };
}

type Facts = Omit<ServiceSurvey, 'workloads' | 'autoscalers' | 'nodes' | 'istioApi'>;

function factsOf(cluster: Cluster, { metadata, spec, status }: V1Service): Facts {
  return {
    cluster: cluster.name,
    clusterId: cluster.id,
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    annotations: metadata?.annotations ?? {},
    type: spec?.type ?? 'ClusterIP',
    loadBalancerClass: spec?.loadBalancerClass ?? null,
    externalTrafficPolicy: spec?.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    selector: spec?.selector ?? {},
    ports: (spec?.ports ?? []).map(({ port, targetPort, nodePort }) => ({
      port,
      targetPort: typeof targetPort === 'string' ? null : (targetPort ?? port),
      nodePort: nodePort ?? null,
    })),
    addresses: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
  };
}

function scalingOf(scaled: readonly ScaledObject[], workloads: readonly string[]): readonly AutoscalerSurvey[] {
  return scaled.filter(({ kind, workload }) => kind === 'Deployment' && workloads.includes(workload));
}

/** Reads that both sides, and the Services of a namespace, share. */
interface Around {
  deployments(cluster: Cluster, namespace: string): Promise<Told<readonly Deployment[]>>;
  autoscalers(cluster: Cluster, namespace: string): Promise<Told<readonly ScaledObject[]>>;
  nodes(cluster: Cluster): Promise<Told<readonly string[]>>;
  istioApi(cluster: Cluster): Promise<Told<string | null>>;
}

function aroundOf(): Around {
  const deployments = onceEach(listDeployments);
  const autoscalers = onceEach(listAutoscalers);
  const nodes = onceEach(async (cluster) => (await listNodes(cluster)).map(({ metadata }) => metadata?.name ?? ''));
  const istioApi = onceEach((cluster) => aggregatedBy(cluster));
  return { deployments, autoscalers, nodes: (cluster) => nodes(cluster, ''), istioApi: (one) => istioApi(one, '') };
}

function onceEach<T>(
  read: (cluster: Cluster, namespace: string) => Promise<T>,
): (cluster: Cluster, namespace: string) => Promise<Told<T>> {
  const asked = new Map<string, Promise<Told<T>>>();
  return (cluster, namespace) => {
    const key = `${cluster.name}/${namespace}`;
    const answer = asked.get(key) ?? told(read(cluster, namespace));
    asked.set(key, answer);
    return answer;
  };
}

async function told<T>(read: Promise<T>): Promise<Told<T>> {
  try {
    return { value: await read };
  } catch (error) {
    if (error instanceof TransientError || error instanceof TerminalError) return { missing: messageOf(error) };
    throw error;
  }
}

function map<T, U>(one: Told<T>, change: (value: T) => U): Told<U> {
  return 'missing' in one ? one : { value: change(one.value) };
}

/** What cannot be read here was read, or refused with the reason, by the look that the checks stand on. */
async function orNull<T>(read: Promise<T>): Promise<T | null> {
  const answer = await told(read);
  return 'missing' in answer ? null : answer.value;
}
