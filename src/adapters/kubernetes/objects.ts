import type { CoreV1Event, V1EndpointSlice, V1Node, V1Service } from '@kubernetes/client-node';
import { TerminalError, TransientError } from '../../ports/errors.ts';
import type { Attempt } from './attempt.ts';
import type { KubernetesApi, KubernetesClient } from './clients.ts';
import { type GatewayObject, gatewayResource, parseGateway } from './gateway-object.ts';

/** The objects that a side is read from, page by page within a limit. */
const pageSize = 500;
const pagesMax = 20;

interface Listing<T> {
  readonly items: readonly T[];
  readonly metadata?: { readonly _continue?: string };
}

type Paging = { readonly limit: number; readonly _continue?: string };

export async function listAll<T>(
  client: KubernetesClient,
  attempt: Attempt,
  list: (api: KubernetesApi, paging: Paging) => Promise<Listing<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let next: string | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const paging = next === undefined ? { limit: pageSize } : { limit: pageSize, _continue: next };
    const answer = await client.ask(attempt, (api) => list(api, paging));
    if (!Array.isArray(answer.items)) throw new TransientError(`${attempt.resource}: the answer is no list`);
    all.push(...answer.items);
    next = answer.metadata?._continue || undefined;
    if (next === undefined) return all;
  }
  throw new TerminalError(`${attempt.verb} ${attempt.resource}: more than ${pageSize * pagesMax} objects`);
}

export function findService(client: KubernetesClient, namespace: string, name: string): Promise<V1Service | null> {
  const attempt = { verb: 'get', resource: 'services', namespace, name } as const;
  return client.find(attempt, ({ core }) => core.readNamespacedService({ namespace, name }));
}

export function listServices(client: KubernetesClient, namespace: string): Promise<readonly V1Service[]> {
  return listAll(client, { verb: 'list', resource: 'services', namespace }, ({ core }, paging) =>
    core.listNamespacedService({ namespace, ...paging }),
  );
}

export function listSlices(
  client: KubernetesClient,
  namespace: string,
  service: string,
): Promise<readonly V1EndpointSlice[]> {
  const labelSelector = `kubernetes.io/service-name=${service}`;
  return listAll(client, { verb: 'list', resource: 'endpointslices', namespace }, ({ discovery }, paging) =>
    discovery.listNamespacedEndpointSlice({ namespace, labelSelector, ...paging }),
  );
}

export function listNodes(client: KubernetesClient): Promise<readonly V1Node[]> {
  return listAll(client, { verb: 'list', resource: 'nodes', namespace: null }, ({ core }, paging) =>
    core.listNode(paging),
  );
}

/** Warnings about a Service. They are a hint only, so an API that does not give them is as good as one that has none. */
export async function listWarnings(
  client: KubernetesClient,
  namespace: string,
  service: string,
): Promise<readonly CoreV1Event[]> {
  const fieldSelector = `involvedObject.kind=Service,involvedObject.name=${service},type=Warning`;
  try {
    return await listAll(client, { verb: 'list', resource: 'events', namespace }, ({ core }, paging) =>
      core.listNamespacedEvent({ namespace, fieldSelector, ...paging }),
    );
  } catch (error) {
    if (error instanceof TransientError || error instanceof TerminalError) return [];
    throw error;
  }
}

/** @throws TerminalError where it is not there, or is no IstioGateway as the reference has it (C2) */
export async function readGateway(mesh: KubernetesClient, namespace: string, name: string): Promise<GatewayObject> {
  const attempt = { verb: 'get', resource: 'istiogateways', namespace, name } as const;
  const object: unknown = await mesh.ask(attempt, ({ custom }) =>
    custom.getNamespacedCustomObject({ ...gatewayResource, namespace, name }),
  );
  return parseGateway(object, `${namespace}/${name}`);
}
