import * as v from 'valibot';
import type { KubernetesClient } from './clients.ts';
import { listAll } from './objects.ts';

/** A resource type that is no part of the generated client. */
export interface CustomResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

const resourcesSchema = v.object({ resources: v.optional(v.array(v.object({ name: v.string() })), []) });
const listSchema = v.object({
  items: v.array(v.unknown()),
  metadata: v.optional(v.object({ continue: v.optional(v.string()) }), {}),
});

/** The first of the versions in which an API server serves the resource; null where it serves none. */
export async function servedVersion(
  client: KubernetesClient,
  { group, plural }: Omit<CustomResource, 'version'>,
  versions: readonly string[],
): Promise<string | null> {
  for (const version of versions) {
    const attempt = { verb: 'get', resource: `${group}/${version}`, namespace: null } as const;
    const answer: unknown = await client.find(attempt, ({ custom }) => custom.getAPIResources({ group, version }));
    const parsed = v.safeParse(resourcesSchema, answer);
    if (parsed.success && parsed.output.resources.some(({ name }) => name === plural)) return version;
  }
  return null;
}

/** The objects of all namespaces, page by page within a limit; those of one where a namespace is named. */
export async function listCustomObjects(
  client: KubernetesClient,
  resource: CustomResource,
  namespace: string | null = null,
): Promise<readonly unknown[]> {
  return listAll(client, { verb: 'list', resource: resource.plural, namespace }, async ({ custom }, paging) => {
    const asked = { ...resource, ...paging };
    const answer: unknown = await (namespace === null
      ? custom.listCustomObjectForAllNamespaces(asked)
      : custom.listNamespacedCustomObject({ ...asked, namespace }));
    const { items, metadata } = v.parse(listSchema, answer);
    return { items, metadata: metadata.continue === undefined ? {} : { _continue: metadata.continue } };
  });
}
