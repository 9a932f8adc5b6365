import {
  ApiException,
  AppsV1Api,
  AutoscalingV2Api,
  CoreV1Api,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
  setHeaderOptions,
} from '@kubernetes/client-node';

/** The ways into one API server that seeding takes. */
export interface SeedingClient {
  readonly objects: KubernetesObjectApi;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly autoscaling: AutoscalingV2Api;
}

/** A person put these objects there. */
const fieldManager = 'kubectl';

/** For a patch of a status. */
export const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

export function clientOf(kubeconfig: string): SeedingClient {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  return {
    objects: KubernetesObjectApi.makeApiClient(config),
    core: config.makeApiClient(CoreV1Api),
    apps: config.makeApiClient(AppsV1Api),
    autoscaling: config.makeApiClient(AutoscalingV2Api),
  };
}

/** Creates the object, or merges it into the one that is there. */
export async function ensure(client: SeedingClient, object: KubernetesObject): Promise<void> {
  try {
    await client.objects.create(object, undefined, undefined, fieldManager);
  } catch (cause) {
    if (!(cause instanceof ApiException && cause.code === 409)) throw cause;
    await client.objects.patch(object, undefined, undefined, fieldManager, undefined, PatchStrategy.MergePatch);
  }
}

export async function orMissing(answer: Promise<unknown>): Promise<void> {
  try {
    await answer;
  } catch (cause) {
    if (!(cause instanceof ApiException && cause.code === 404)) throw cause;
  }
}
