import type { JsonObject } from './json.ts';
import type { ResourceType } from './resource-types.ts';

/** Published in /version; the newest Kubernetes that ACK offers to match the facts in the reference. */
export const serverVersion: JsonObject = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.1-aliyun.1',
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '2025-02-12T00:00:00Z',
  goVersion: 'go1.23.4',
  compiler: 'gc',
  platform: 'linux/amd64',
};

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const reviews = { name: 'selfsubjectaccessreviews', singularName: 'selfsubjectaccessreview', namespaced: false };
export const reviewKind = 'SelfSubjectAccessReview';
export const reviewPlural = reviews.name;
export const reviewGroup = 'authorization.k8s.io';

/** The served groups with their versions, the core group (empty name) first. */
export function groupsOf(serves: readonly ResourceType[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, readonly string[]>([['', ['v1']]]);
  for (const { group, versions } of serves) groups.set(group, versions);
  return groups.set(reviewGroup, ['v1']);
}

export function apiVersions(): JsonObject {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
}

export function groupList(serves: readonly ResourceType[]): JsonObject {
  const names = [...groupsOf(serves).keys()].filter((group) => group !== '');
  const groups = names.flatMap((group) => {
    const found = groupOf(serves, group);
    return found ? [found] : [];
  });
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

/** The document of /apis/<group>, or null where the group is not served. */
export function groupOf(serves: readonly ResourceType[], group: string): JsonObject | null {
  const versions = groupsOf(serves)
    .get(group)
    ?.map((version): JsonObject => ({ groupVersion: `${group}/${version}`, version }));
  const preferredVersion = versions?.[0];
  if (!versions || !preferredVersion) return null;
  return { kind: 'APIGroup', apiVersion: 'v1', name: group, versions, preferredVersion };
}

/** The document of /api/v1 and /apis/<group>/<version>, or null where it is not served. */
export function resourceList(serves: readonly ResourceType[], group: string, version: string): JsonObject | null {
  if (!groupsOf(serves).get(group)?.includes(version)) return null;
  const resources = serves
    .filter((type) => type.group === group)
    .flatMap((type) => {
      const { plural, singular, namespaced, kind, shortNames, categories } = type;
      const main = { name: plural, singularName: singular, namespaced, kind, verbs, shortNames, categories };
      const status = {
        name: `${plural}/status`,
        singularName: '',
        namespaced,
        kind,
        verbs: ['get', 'patch', 'update'],
      };
      return type.hasStatus ? [main, status] : [main];
    });
  const own = group === reviewGroup ? [{ ...reviews, kind: reviewKind, verbs: ['create'] }] : resources;
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: own };
}

/** All resources of /api (the core group) or /apis at once: `APIGroupDiscoveryList`, v2 or v2beta1. */
export function aggregated(serves: readonly ResourceType[], isCore: boolean, version: string): JsonObject {
  const groups = [...groupsOf(serves)].filter(([group]) => (group === '') === isCore);
  const items = groups.map(([group, versions]) => ({
    metadata: { name: group === '' ? null : group, creationTimestamp: null },
    versions: versions.map((each) => ({
      version: each,
      freshness: 'Current',
      resources: aggregatedResources(serves, group, each),
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items };
}

function aggregatedResources(serves: readonly ResourceType[], group: string, version: string): readonly JsonObject[] {
  const scopeOf = (namespaced: boolean) => (namespaced ? 'Namespaced' : 'Cluster');
  if (group === reviewGroup) {
    const { name: resource, singularName: singularResource } = reviews;
    const responseKind = { group, version, kind: reviewKind };
    return [{ resource, responseKind, scope: scopeOf(false), singularResource, verbs: ['create'] }];
  }
  return serves
    .filter((type) => type.group === group)
    .map((type) => {
      const responseKind = { group, version, kind: type.kind };
      const status = { subresource: 'status', responseKind, verbs: ['get', 'patch', 'update'] };
      return {
        resource: type.plural,
        responseKind,
        scope: scopeOf(type.namespaced),
        singularResource: type.singular,
        verbs,
        shortNames: type.shortNames,
        categories: type.categories,
        ...(type.hasStatus ? { subresources: [status] } : {}),
      };
    });
}
