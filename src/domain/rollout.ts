import type { ServiceReading, SideReading } from './observation.ts';

/** A Deployment behind a Service, as far as it tells whether its pods are being replaced. */
export interface WorkloadReading {
  readonly name: string;
  readonly generation: number;
  /** The newest generation that its controller has acted on; 0 where it says nothing. */
  readonly observedGeneration: number;
  /** Pods that are there, and those of them that are made after the present template. */
  readonly replicas: number;
  readonly updatedReplicas: number;
  /** Reason of the condition `Progressing`; null where there is none. */
  readonly progress: string | null;
}

/** A Deployment that only grows or shrinks keeps `NewReplicaSetAvailable`; these are of a new template. */
const replacing: readonly string[] = [
  'NewReplicaSetCreated',
  'FoundNewReplicaSet',
  'ReplicaSetUpdated',
  'ProgressDeadlineExceeded',
];

/**
 * The change that restarts pods of a side now, in words; null where none does. Weights that are moved meanwhile would
 * be judged by pods that go, and their backends come and go as well.
 *
 * @param unseen whether a change counts that its controller has not acted on yet; a mere growth looks alike for a moment
 */
export function rolloutAt({ services }: SideReading, unseen: 'counts' | 'passes'): string | null {
  for (const service of services) {
    for (const workload of service.workloads ?? []) {
      const words = wordsOf(workload, unseen);
      if (words !== null) return `${nameOf(service, workload)} ${words}`;
    }
  }
  return null;
}

function wordsOf(workload: WorkloadReading, unseen: 'counts' | 'passes'): string | null {
  const { generation, observedGeneration, replicas, updatedReplicas, progress } = workload;
  if (replicas > updatedReplicas) return `replaces its pods: ${updatedReplicas} of ${replicas} are new`;
  if (progress === 'ProgressDeadlineExceeded') return 'does not get its new pods ready (ProgressDeadlineExceeded)';
  if (progress !== null && replacing.includes(progress)) return 'waits for its new pods';
  if (unseen === 'counts' && generation > observedGeneration)
    return 'was changed, and its controller has not acted yet';
  return null;
}

function nameOf({ cluster, namespace }: ServiceReading, { name }: WorkloadReading): string {
  return `Deployment ${cluster}/${namespace}/${name} of the target`;
}
