import { readAnnotation } from './annotations.ts';
import { isMadeGroup, isMarkOf, type Release, type ReleasingGroup, type ServiceToRelease } from './release.ts';

/** What the CLB says after the annotations were written. */
export type ReleaseVerdict =
  | { readonly kind: 'verified'; readonly detail: string }
  | { readonly kind: 'waiting'; readonly detail: string };

/**
 * Whether every backend has the share of its group that it had. The numbers themselves do change: without the annotation
 * each pod has 100 (or each node its pods), with it the 100 is divided (reference A5); the spread is the same, so the
 * weights to come follow from those that were.
 */
export function verifyRelease(release: Release, after: readonly ReleasingGroup[]): ReleaseVerdict {
  const { service, groups, renames } = release;
  const changes: string[] = [];
  for (const { port, group } of groups) {
    const now = after.find(({ id }) => id === group.id);
    if (now === undefined) return { kind: 'waiting', detail: `group ${group.id} is gone` };
    if (renames.some((one) => one.group === group.id) && isMadeGroup(now.name)) {
      return { kind: 'waiting', detail: `group ${group.id} is called ${now.name} again` };
    }
    const difference = weightDifference(group, now, release);
    if (difference !== null) return { kind: 'waiting', detail: `port ${port}: ${difference}` };
    changes.push(`port ${port}: ${summaryOf(group, service)} -> ${summaryOf(now, service)}, the same shares`);
  }
  return { kind: 'verified', detail: changes.join('; ') };
}

/** The weights that a weight annotation of 100 gives to backends that have these without one. */
export function releasedWeights(weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => Math.max(1, Math.trunc((100 * weight) / sum)));
}

/** Groups that the controller made for the Service between the steps; nothing listens on them. */
export function strayGroups(release: Release, after: readonly ReleasingGroup[]): readonly string[] {
  const shared = new Set(release.groups.map(({ group }) => group.id));
  return after
    .filter(({ id, name }) => !shared.has(id) && isMarkOf(name, release.service))
    .map(({ id, name }) => `${id} (${name})`);
}

function weightDifference(
  before: ReleasingGroup,
  now: ReleasingGroup,
  { service, loadBalancer }: Release,
): string | null {
  const [was, is] = [ownOf(before, service), ownOf(now, service)];
  if (is.length === 0) return 'no backend of the Service is left in the group';
  const isSameSet = was.length === is.length && is.every(({ key }) => was.some((one) => one.key === key));
  // Pods that come or go meanwhile have no weight before; what is left to see is that the even stayed even.
  const isEven = new Set(was.map(({ weight }) => weight)).size === 1;
  if (!isSameSet && !isEven) return 'backends came or went meanwhile, so the weights cannot be compared';
  const weights = is.map(({ key }) => was.find((one) => one.key === key)?.weight ?? was[0]?.weight ?? 0);
  const isDivided = readAnnotation(service.annotations, 'id') === loadBalancer;
  const expected = isDivided && isSameSet ? weights : releasedWeights(weights);
  const wrong = is.findIndex(({ weight }, index) => weight !== expected[index]);
  return wrong < 0 ? null : `backend ${is[wrong]?.key} has weight ${is[wrong]?.weight}, not ${expected[wrong]}`;
}

function ownOf({ backends }: ReleasingGroup, service: ServiceToRelease) {
  return backends.filter(({ description }) => isMarkOf(description, service));
}

/** `3 x 100`, as people read weights. */
function summaryOf(group: ReleasingGroup, service: ServiceToRelease): string {
  const counts = new Map<number, number>();
  for (const { weight } of ownOf(group, service)) counts.set(weight, (counts.get(weight) ?? 0) + 1);
  return [...counts].map(([weight, count]) => `${count} x ${weight}`).join(', ');
}
