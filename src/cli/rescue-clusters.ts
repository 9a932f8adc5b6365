import { kubernetesRouter } from '../adapters/kubernetes/router.ts';
import type { Baseline } from '../domain/baseline.ts';
import { NotFoundError } from '../ports/errors.ts';
import { clusterIdsOf } from './cluster-ids.ts';
import { clientsFor, type Kubeconfigs } from './kubeconfigs.ts';
import { WrongUseError } from './run.ts';

/** Which kubeconfig is which cluster of a kept baseline: a rescue has no installation to ask. */

/** The baseline tells the names that clusters and meshes have in the installation; until then they are ours. */
export async function findBaseline(
  name: string,
  given: Kubeconfigs,
  namespaces: readonly string[] | null,
): Promise<Baseline> {
  const clients = clientsFor(given);
  try {
    const baseline = await kubernetesRouter(clients, { namespaces }).readBaseline(name);
    if (baseline !== null) return baseline;
    throw new NotFoundError(
      `no baseline of ${name} is kept in the clusters given: nothing was moved, or it is back already`,
    );
  } finally {
    clients.close();
  }
}

/** One kubeconfig given and one name in the baseline: that is the one, whatever it was called here. */
export function renamed(given: Kubeconfigs, { routes, subsets }: Baseline): Kubeconfigs {
  const sides = routes.flatMap(({ route }) => [route.source, route.target]);
  const clusters = new Set([
    ...sides.flatMap((side) => (side.kind === 'service' ? [side.cluster] : [])),
    ...subsets.flatMap(({ services }) => services.map(({ cluster }) => cluster)),
  ]);
  const meshes = new Set([
    ...sides.flatMap((side) => (side.kind === 'gateway' ? [side.mesh] : [])),
    ...subsets.map(({ route }) => route.mesh),
  ]);
  return { ...given, clusters: rename(given.clusters, clusters), meshes: rename(given.meshes, meshes) };
}

function rename(files: Readonly<Record<string, string>>, names: ReadonlySet<string>): Readonly<Record<string, string>> {
  const [[name] = [], [file] = []] = [[...names], Object.values(files)];
  const isPlain = names.size === 1 && Object.keys(files).length === 1;
  if (isPlain && name !== undefined && file !== undefined) return { [name]: file };
  const missing = [...names].filter((one) => !(one in files));
  if (missing.length > 0 && Object.keys(files).length > 0) {
    throw new WrongUseError(`the baseline names ${missing.join(', ')}: give their kubeconfigs as NAME=FILE`);
  }
  return files;
}

/** Ids of the clusters, as they mark backends at the CLB: as given, or from the mesh where it leaves no doubt. */
export async function idsOf(
  { clusters, meshes }: Kubeconfigs,
  given: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const names = Object.keys(clusters);
  const [only = ''] = names;
  const pairs = given.map((text) => (text.includes('=') ? text.split('=', 2) : [only, text]));
  if (pairs.length > 0) return Object.fromEntries(pairs);
  const files = Object.entries(meshes).map(([name, file]) => [name, { kubeconfig: `file:${file}` }]);
  const ids = files.length === 0 ? [] : await clusterIdsOf(JSON.stringify(Object.fromEntries(files)));
  const [id] = ids;
  if (names.length === 1 && ids.length === 1 && id !== undefined) return { [only]: id };
  if (files.length === 0) return {};
  throw new WrongUseError(
    `which cluster is which? Give --ack-id NAME=ID; the IstioGateways name ${ids.join(', ') || 'none'}`,
  );
}
