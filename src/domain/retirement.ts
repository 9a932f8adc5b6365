import { type Annotations, readAnnotation } from './annotations.ts';
import type { Quiet } from './quiet.ts';
import { madeName, releasedTags } from './release.ts';
import type { PortMapping } from './spec.ts';

/** One question whose answer must be yes before the old gateway goes; `unknown` is no yes. */
export interface RetirementCheck {
  readonly id: 'ended' | 'weights' | 'requests' | 'connections' | 'callers' | 'selected' | 'configured' | 'ownership';
  readonly status: 'pass' | 'fail' | 'unknown';
  readonly found: string;
  /** Null where nothing has to be done. */
  readonly remedy: string | null;
}

export interface RetirementFacts {
  readonly state: string;
  readonly quiet: Quiet;
  /** How long it had to be quiet, as people write it. */
  readonly quietFor: string;
  readonly routes: readonly RetiringRoute[];
  /** Objects of the cluster that name the Service as where requests go. */
  readonly naming: readonly string[];
  /** Services that are no source of the migration and select its pods. */
  readonly selecting: readonly string[];
  /** Gateways of the cluster that act on its pods and that the mesh has not. */
  readonly unmoved: readonly string[];
}

/** A source and its CLB as they are now. */
export interface RetiringRoute {
  readonly service: string;
  readonly uid: string;
  readonly annotations: Annotations;
  readonly loadBalancer: string;
  readonly balancerName: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly ports: readonly RetiringPort[];
}

export interface RetiringPort extends PortMapping {
  /** Sum of the backend weights of the source, and of all others. */
  readonly sourceWeight: number;
  readonly otherWeight: number;
}

/** Whether the old gateway can go, question by question. Reads nothing, deletes nothing. */
export function retirementChecks(facts: RetirementFacts): readonly RetirementCheck[] {
  return [
    ended(facts),
    ...facts.routes.map(weights),
    ...counted(facts),
    ...listed(facts),
    ...facts.routes.map(ownership),
  ];
}

/** Every answer is yes. */
export function canGo(checks: readonly RetirementCheck[]): boolean {
  return checks.every(({ status }) => status === 'pass');
}

function pass(id: RetirementCheck['id'], found: string): RetirementCheck {
  return { id, status: 'pass', found, remedy: null };
}

function fail(id: RetirementCheck['id'], found: string, remedy: string): RetirementCheck {
  return { id, status: 'fail', found, remedy };
}

function ended({ state }: RetirementFacts): RetirementCheck {
  if (state === 'closed') return pass('ended', 'the migration is closed');
  return state === 'completed'
    ? fail(
        'ended',
        'the migration is completed and can still be undone',
        'undoing needs the source: wait until it is closed',
      )
    : fail('ended', `the migration is ${state}`, 'the source is needed until it is completed and closed');
}

function weights({ service, loadBalancer, ports }: RetiringRoute): RetirementCheck {
  const asked = ports.filter(({ sourceWeight }) => sourceWeight > 0);
  const dark = ports.filter(({ otherWeight }) => otherWeight === 0);
  const at = (some: readonly RetiringPort[]) => some.map(({ port, group }) => `${port} (${group})`).join(', ');
  if (asked.length > 0) {
    return fail(
      'weights',
      `${loadBalancer} sends requests to ${service} at ${at(asked)}`,
      'move all of the traffic first',
    );
  }
  if (dark.length > 0) {
    return fail(
      'weights',
      `nothing else has a weight on ${loadBalancer} at ${at(dark)}`,
      'give the target its weight first',
    );
  }
  return pass('weights', `${loadBalancer} sends nothing to ${service}`);
}

function counted({ quiet, quietFor }: RetirementFacts): readonly RetirementCheck[] {
  const { isCounted, requests, direct, connections } = quiet;
  const remedy = `let the gateway's pods report, and ask again after ${quietFor}`;
  const unknown = (id: RetirementCheck['id'], found: string): RetirementCheck => ({
    id,
    status: 'unknown',
    found,
    remedy,
  });
  const past = direct === null ? '' : `, ${direct} of them past the CLB`;
  return [
    requests !== null && requests > 0
      ? fail(
          'requests',
          `${requests} requests in the last ${quietFor}${past}`,
          (direct ?? 0) > 0
            ? 'callers in the cluster use the name of its Service: give them that of the target'
            : 'wait until the old connections end, or restart its pods gradually',
        )
      : isCounted && requests === 0
        ? pass('requests', `no request in the last ${quietFor}, whichever way`)
        : unknown('requests', `nobody counted all of the last ${quietFor}`),
    connections !== null && connections > 0
      ? fail('connections', `${connections} connections are open`, 'wait until they end, or restart its pods gradually')
      : connections === 0 && isCounted
        ? pass('connections', 'no connection is open')
        : {
            ...unknown('connections', 'nobody tells how many connections are open'),
            remedy: 'see downstream_cx_active of its pods',
          },
  ];
}

function listed({ naming, selecting, unmoved }: RetirementFacts): readonly RetirementCheck[] {
  const list = (id: RetirementCheck['id'], objects: readonly string[], none: string, some: string, remedy: string) =>
    objects.length === 0 ? pass(id, none) : fail(id, `${some}: ${objects.join(', ')}`, remedy);
  return [
    list(
      'callers',
      naming,
      'no object names its Service',
      'its Service is named by',
      'name the target’s Service there',
    ),
    list(
      'selected',
      selecting,
      'no other Service selects its pods',
      'its pods are selected by',
      'retire or move these first',
    ),
    list(
      'configured',
      unmoved,
      'every Gateway that acts on it is in the mesh as well',
      'the mesh has no copy of',
      'sluice config makes the copies',
    ),
  ];
}

/** Deleting a Service deletes the CLB that the controller holds for its own (reference E27). */
function ownership({ service, uid, annotations, loadBalancer, balancerName, tags }: RetiringRoute): RetirementCheck {
  const kept = releasedTags.filter((key) => tags[key] !== undefined);
  if (readAnnotation(annotations, 'id') !== loadBalancer) {
    return fail(
      'ownership',
      `${service} does not name ${loadBalancer} in its annotations: deleting it would delete the CLB`,
      'sluice release-clb writes them',
    );
  }
  if (kept.length > 0) {
    return fail(
      'ownership',
      `${loadBalancer} has the tag ${kept.join(' and ')} of its controller`,
      'sluice release-clb takes it away',
    );
  }
  if (balancerName === madeName(uid)) {
    return fail(
      'ownership',
      `${loadBalancer} is called ${balancerName}, by which the controller would take it back and delete it with ${service}`,
      'give the CLB another name in its console',
    );
  }
  return pass('ownership', `${loadBalancer} stays when ${service} goes`);
}
