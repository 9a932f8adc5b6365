import type { CloudBackend } from './backend-set.ts';

/** What must be called so that a group holds the wanted backends; carried out in this order (reference A9). */
export interface VgroupDiff {
  readonly add: readonly CloudBackend[];
  readonly remove: readonly CloudBackend[];
  readonly set: readonly CloudBackend[];
}

export interface DiffRules {
  readonly isMine: (backend: CloudBackend) => boolean;
  /** `ignore-weight-update: on`: a differing weight alone is left as it is. */
  readonly ignoreWeight: boolean;
  /** The vendor's slip on nodes that two Services share: the other's port counts as a difference (reference A6). */
  readonly sharedNodeChurn: boolean;
}

/**
 * Add what no one has, remove what is mine and not wanted, set what differs from its twin. A twin of another owner is
 * adopted by the set; a backend that is not mine is never removed (reference A6).
 */
export function diffVgroup(
  wanted: readonly CloudBackend[],
  found: readonly CloudBackend[],
  rules: DiffRules,
): VgroupDiff {
  return {
    add: wanted.filter((one) => !found.some((other) => isTwin(one, other))),
    remove: found.filter((other) => rules.isMine(other) && !wanted.some((one) => isTwin(one, other))),
    set: wanted.filter((one) => found.some((other) => mustSet(one, other, rules))),
  };
}

/** (ServerId, Port), with the address too for an interface, which can carry several. */
function isTwin(one: CloudBackend, other: CloudBackend): boolean {
  return isSameServer(one, other) && one.port === other.port;
}

function isSameServer(one: CloudBackend, other: CloudBackend): boolean {
  return one.serverId === other.serverId && (one.type !== 'eni' || one.serverIp === other.serverIp);
}

function mustSet(one: CloudBackend, other: CloudBackend, rules: DiffRules): boolean {
  if (!isSameServer(one, other)) return false;
  if (one.port !== other.port) return rules.sharedNodeChurn && one.type === 'ecs';
  return (!rules.ignoreWeight && one.weight !== other.weight) || one.description !== other.description;
}

/** The controller's batch size: the most backends it puts into one call. */
const batchSize = 40;

export function batches<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / batchSize) }, (_, index) =>
    items.slice(index * batchSize, (index + 1) * batchSize),
  );
}
