import type { KeptBaselines, KeptWay } from '../../ports/kept-baselines.ts';
import { keptBaselines, prefix } from './baseline-map.ts';
import type { KubernetesClients } from './clients.ts';
import { fieldManager } from './fence.ts';
import { markIn, markPatch } from './watch-mark.ts';

/**
 * The ways back in all clusters of an installation, and the watchdog's notes on them.
 * @param namespaces where they are looked for; null: everywhere, which needs the right to list ConfigMaps in the cluster
 */
export function kubernetesKeptBaselines(
  clients: KubernetesClients,
  namespaces: readonly string[] | null,
): KeptBaselines {
  return {
    list: async () => {
      const kept = await keptBaselines(clients, namespaces);
      const ways = kept.flatMap(({ baseline, annotations, resourceVersion, ...rest }): readonly KeptWay[] =>
        baseline === null
          ? []
          : [
              {
                name: rest.name,
                cluster: rest.cluster,
                namespace: rest.namespace,
                baseline,
                mark: markIn(annotations),
                version: resourceVersion,
              },
            ],
      );
      return { ways, problems: kept.flatMap(({ problem }) => problem?.message ?? []) };
    },
    mark: async ({ cluster, namespace, name, version }, mark) => {
      const object = { namespace, name: prefix + name };
      const body = { metadata: { resourceVersion: version, annotations: markPatch(mark) } };
      await clients
        .cluster(cluster)
        .ask({ verb: 'patch', resource: 'configmaps', ...object }, ({ core, mergePatch }) =>
          core.patchNamespacedConfigMap({ ...object, body, fieldManager }, mergePatch),
        );
    },
  };
}
