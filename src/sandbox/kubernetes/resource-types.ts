/** One resource as discovery tells it; the data below is all that the server knows about kinds, besides their rules. */
export interface ResourceType {
  readonly group: string;
  /** Served versions; the first is preferred and is what is stored. */
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly hasStatus: boolean;
  /** Whether metadata.generation counts changes of what is wanted. Services have none (Kubernetes 1.32). */
  readonly hasGeneration: boolean;
  /** Defined by a CustomResourceDefinition: no strategic merge patch, an update must carry its resourceVersion. */
  readonly isCustom: boolean;
}

type Options = Partial<Omit<ResourceType, 'group' | 'versions' | 'kind' | 'plural' | 'singular'>>;

function resource(group: string, versions: readonly string[], kind: string, plural: string, options: Options = {}) {
  const plain = { shortNames: [], categories: [], namespaced: true, hasStatus: false, hasGeneration: false };
  return { ...plain, isCustom: false, ...options, group, versions, kind, plural, singular: kind.toLowerCase() };
}

const istioVersions = ['v1', 'v1beta1', 'v1alpha3'] as const;
const custom: Options = { isCustom: true, hasGeneration: true };

function istio(kind: string, plural: string, shortNames: readonly string[]) {
  const categories = ['istio-io', 'networking-istio-io'];
  return resource('networking.istio.io', istioVersions, kind, plural, {
    ...custom,
    hasStatus: true,
    shortNames,
    categories,
  });
}

function istioSecurity(kind: string, plural: string, shortNames: readonly string[]) {
  const categories = ['istio-io', 'security-istio-io'];
  return resource('security.istio.io', ['v1'], kind, plural, { ...custom, hasStatus: true, shortNames, categories });
}

const all = ['all'];

/** Every resource of the sandbox, by its plural name (plurals are unique here, so they serve as the key everywhere). */
export const resourceTypes = {
  services: resource('', ['v1'], 'Service', 'services', { shortNames: ['svc'], categories: all, hasStatus: true }),
  nodes: resource('', ['v1'], 'Node', 'nodes', { shortNames: ['no'], namespaced: false, hasStatus: true }),
  events: resource('', ['v1'], 'Event', 'events', { shortNames: ['ev'] }),
  namespaces: resource('', ['v1'], 'Namespace', 'namespaces', {
    shortNames: ['ns'],
    namespaced: false,
    hasStatus: true,
  }),
  secrets: resource('', ['v1'], 'Secret', 'secrets'),
  configmaps: resource('', ['v1'], 'ConfigMap', 'configmaps', { shortNames: ['cm'] }),
  pods: resource('', ['v1'], 'Pod', 'pods', { shortNames: ['po'], categories: all, hasStatus: true }),
  serviceaccounts: resource('', ['v1'], 'ServiceAccount', 'serviceaccounts', { shortNames: ['sa'] }),
  endpoints: resource('', ['v1'], 'Endpoints', 'endpoints', { shortNames: ['ep'] }),
  endpointslices: resource('discovery.k8s.io', ['v1'], 'EndpointSlice', 'endpointslices', { hasGeneration: true }),
  deployments: resource('apps', ['v1'], 'Deployment', 'deployments', {
    shortNames: ['deploy'],
    categories: all,
    hasStatus: true,
    hasGeneration: true,
  }),
  horizontalpodautoscalers: resource('autoscaling', ['v2'], 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', {
    shortNames: ['hpa'],
    categories: all,
    hasStatus: true,
  }),
  leases: resource('coordination.k8s.io', ['v1'], 'Lease', 'leases'),
  istiogateways: resource('istio.alibabacloud.com', ['v1beta1'], 'IstioGateway', 'istiogateways', {
    ...custom,
    hasStatus: true,
  }),
  gateways: istio('Gateway', 'gateways', ['gw']),
  virtualservices: istio('VirtualService', 'virtualservices', ['vs']),
  destinationrules: istio('DestinationRule', 'destinationrules', ['dr']),
  serviceentries: istio('ServiceEntry', 'serviceentries', ['se']),
  envoyfilters: istio('EnvoyFilter', 'envoyfilters', []),
  authorizationpolicies: istioSecurity('AuthorizationPolicy', 'authorizationpolicies', ['ap']),
  peerauthentications: istioSecurity('PeerAuthentication', 'peerauthentications', ['pa']),
  apiservices: resource('apiregistration.k8s.io', ['v1'], 'APIService', 'apiservices', {
    namespaced: false,
    hasStatus: true,
  }),
} as const satisfies Record<string, ResourceType>;

export type Plural = keyof typeof resourceTypes;

/** What an ACK cluster serves: everything but the mesh's own gateway kind. */
export const ackResources: readonly ResourceType[] = Object.values(resourceTypes).filter(
  ({ plural }) => plural !== 'istiogateways',
);

const meshCore: readonly Plural[] = ['namespaces', 'secrets', 'configmaps', 'events', 'istiogateways'];

/** What the API server of an ASM instance serves. */
export const asmResources: readonly ResourceType[] = Object.values(resourceTypes).filter(
  ({ plural, group }) => meshCore.includes(plural as Plural) || group.endsWith('.istio.io'),
);

export function isPlural(value: string): value is Plural {
  return Object.hasOwn(resourceTypes, value);
}

export function storedApiVersion(type: ResourceType): string {
  return apiVersionOf(type, type.versions[0] ?? 'v1');
}

export function apiVersionOf(type: ResourceType, version: string): string {
  return type.group === '' ? version : `${type.group}/${version}`;
}

/** `services`, `istiogateways.istio.alibabacloud.com`: how Status messages name a resource. */
export function qualifiedPlural(type: ResourceType): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`;
}

export function qualifiedKind(type: ResourceType): string {
  return type.group === '' ? type.kind : `${type.kind}.${type.group}`;
}
