import { kubernetesClients } from '../adapters/kubernetes/clients.ts';
import { gatewayResource } from '../adapters/kubernetes/gateway-object.ts';
import { systemClock } from '../adapters/system-clock.ts';

/** The only namespace in which an IstioGateway may be (reference C1). */
const namespace = 'istio-system';

interface GatewayList {
  readonly items?: readonly { readonly spec?: { readonly clusterIds?: readonly string[] } }[];
}

/** Ids of the clusters that the IstioGateways of a mesh name, each once. `meshes` is the value of SLUICE_MESHES. */
export async function clusterIdsOf(meshes: string): Promise<readonly string[]> {
  const parsed = JSON.parse(meshes) as Readonly<Record<string, { readonly kubeconfig: string }>>;
  const clients = kubernetesClients({ clusters: {}, meshes: parsed, clock: systemClock(), env: process.env });
  try {
    const [name = ''] = Object.keys(parsed);
    const list = (await clients
      .mesh(name)
      .ask({ verb: 'list', resource: 'istiogateways', namespace }, ({ custom }) =>
        custom.listNamespacedCustomObject({ ...gatewayResource, namespace }),
      )) as GatewayList;
    return [...new Set((list.items ?? []).flatMap(({ spec }) => spec?.clusterIds ?? []))];
  } finally {
    clients.close();
  }
}
