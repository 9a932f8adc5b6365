import type { RouteObservation } from './observation.ts';
import { sides } from './spec.ts';

/**
 * Tells two sets of backends apart, as the Kubernetes APIs have them, with the pods of each: a change of it is a reason
 * for the cloud controller to write weights that nobody asked for. FNV-1a, 32 bits: short enough for every record.
 */
export function backendsKey(observations: readonly RouteObservation[]): string {
  const texts = observations.flatMap((observation) =>
    sides.flatMap((side) =>
      observation[side].services.flatMap(({ clusterId, name, backends }) =>
        backends.map(({ address, pods }) => `${clusterId}/${name}/${address}/${pods}`),
      ),
    ),
  );
  let hash = 0x811c9dc5;
  for (const character of texts.sort().join('\n')) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash.toString(16);
}
