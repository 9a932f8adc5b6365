import { type AnnotationSuffix, type Annotations, annotationKey, keyInUse, readAnnotation } from './annotations.ts';

/**
 * How a CLB that the cloud controller made for a Service becomes one that a second gateway may share: the FAQ of the
 * migration document, in the order that works with controllers since 2.9.1 (reference A7).
 */

/** The two tags that keep the controller from sharing a CLB; no other is ever taken away. */
export const releasedTags = ['kubernetes.do.not.delete', 'ack.aliyun.com'] as const;
export type ReleasedTag = (typeof releasedTags)[number];

/** The Service that the CLB was made for. */
export interface ServiceToRelease {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly type: string;
  /** What else than a CLB it is for; null where nothing says so (reference A3). */
  readonly otherClass: string | null;
  readonly annotations: Annotations;
  /** Addresses in its status; none where it has hostnames. */
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}

export interface ReleasingBalancer {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly listeners: readonly ReleasingListener[];
  readonly groups: readonly ReleasingGroup[];
}

interface ReleasingListener {
  readonly port: number;
  readonly scheduler: string;
  readonly group: string | null;
}

export interface ReleasingGroup {
  readonly id: string;
  readonly name: string;
  readonly backends: readonly ReleasingBackend[];
}

export interface ReleasingBackend {
  /** What tells it apart in its group. */
  readonly key: string;
  readonly description: string;
  readonly weight: number;
}

/** What is to be done for one CLB; what is done already is not in it. */
export interface Release {
  readonly loadBalancer: string;
  readonly service: ServiceToRelease;
  /** The groups that both gateways will share, by Service port. */
  readonly groups: readonly { readonly port: number; readonly group: ReleasingGroup }[];
  readonly renames: readonly Rename[];
  /** As the controller put them there. */
  readonly tags: readonly ReleasedTag[];
  /** Null where the Service says it all already. */
  readonly annotations: Annotations | null;
  /** The whole of what the controller made, which is what undoing restores, whoever began. */
  readonly made: Made;
  readonly notes: readonly string[];
}

export interface Rename {
  readonly group: string;
  readonly from: string;
  readonly to: string;
}

export interface Made {
  readonly names: readonly { readonly group: string; readonly name: string }[];
  readonly tags: Readonly<Partial<Record<ReleasedTag, string>>>;
  /** Null: the annotation was absent. */
  readonly annotations: Readonly<Record<string, string | null>>;
}

/** `a` and the first 31 hex digits of the uid: name, and tag value, of a CLB that was made for a Service (reference A7). */
export function madeName(uid: string): string {
  return `a${uid.replaceAll('-', '').slice(0, 31)}`;
}

/** Whether the controller takes a group of this name for one of its own: `k8s/<port>/<Service>/<namespace>/<cluster>`. */
export function isMadeGroup(name: string): boolean {
  const parts = name.split('/');
  return parts.length === 5 && parts[0] === 'k8s';
}

/** Whether a backend, or a group, carries the mark of the Service; in which cluster is not compared. */
export function isMarkOf(text: string, { namespace, name }: Pick<ServiceToRelease, 'namespace' | 'name'>): boolean {
  const parts = text.split('/');
  return isMadeGroup(text) && parts[2] === name && parts[3] === namespace;
}

/** What stands there of the release; everything of it is to be known before the first write. */
export function releaseOf(service: ServiceToRelease, balancer: ReleasingBalancer): Release {
  const groups = service.ports.flatMap((port) => {
    const listener = balancer.listeners.find((one) => one.port === port);
    const group = balancer.groups.find(({ id }) => id === listener?.group);
    return group === undefined ? [] : [{ port, group }];
  });
  const annotations = wantedAnnotations(service, balancer.id, groups);
  const isSaid = Object.entries(annotations).every(([key, value]) => service.annotations[key] === value);
  const renames = groups
    .filter(({ group }) => isMadeGroup(group.name))
    .map(({ port, group }) => ({ group: group.id, from: group.name, to: sharedName(service, port) }));
  return {
    loadBalancer: balancer.id,
    service,
    groups,
    renames,
    tags: releasedTags.filter((key) => balancer.tags[key] !== undefined),
    annotations: isSaid ? null : annotations,
    made: {
      ...madeBefore(service, balancer, groups, renames),
      annotations: Object.fromEntries(
        Object.keys(annotations).map((key) => [key, service.annotations[key] ?? null] as const),
      ),
    },
    notes: notesOf(service, balancer, groups),
  };
}

/**
 * Names and tags to go back to. A Service without the CLB's id in its annotations has one of the controller's making,
 * also where somebody had begun to release it; with it, only what is here now was there.
 */
function madeBefore(
  service: ServiceToRelease,
  { id, tags }: ReleasingBalancer,
  groups: Release['groups'],
  renames: readonly Rename[],
): Pick<Made, 'names' | 'tags'> {
  const present = Object.fromEntries(
    releasedTags.flatMap((key) => (tags[key] === undefined ? [] : [[key, tags[key]] as const])),
  );
  const renamed = renames.map(({ group, from }) => ({ group, name: from }));
  if (readAnnotation(service.annotations, 'id') === id) return { names: renamed, tags: present };
  const names = groups.flatMap(({ group }) => {
    const name = isMadeGroup(group.name) ? group.name : ownMark(group, service);
    return name === null ? [] : [{ group: group.id, name }];
  });
  const cluster = names[0]?.name.split('/')[4] ?? '';
  return {
    names,
    tags: { 'kubernetes.do.not.delete': madeName(service.uid), 'ack.aliyun.com': cluster, ...present },
  };
}

/** Nothing is left to do: neither at the CLB nor on the Service. */
export function isReleased({ renames, tags, annotations }: Release): boolean {
  return renames.length === 0 && tags.length === 0 && annotations === null;
}

/** Whoever shares the CLB already may have another weight than 100 by now, and keeps it. */
function wantedAnnotations(service: ServiceToRelease, loadBalancer: string, groups: Release['groups']): Annotations {
  const mapping = groups.map(({ port, group }) => `${group.id}:${port}`).join(',');
  const { annotations } = service;
  const isShared =
    readAnnotation(annotations, 'id') === loadBalancer && readAnnotation(annotations, 'vgroup-port') === mapping;
  const weight = isShared ? (readAnnotation(annotations, 'weight') ?? '100') : '100';
  const wanted: Readonly<Partial<Record<AnnotationSuffix, string>>> = {
    id: loadBalancer,
    'vgroup-port': mapping,
    'force-override-listeners': 'false',
    weight,
  };
  return Object.fromEntries(
    Object.entries(wanted).map(([suffix, value]) => [keyInUse(annotations, suffix as AnnotationSuffix), value]),
  );
}

/** The CLB's limit for a group's name. */
const nameMax = 80;

/** A name that the controller does not take for its own, and that tells people whose group it is. */
function sharedName({ namespace, name }: ServiceToRelease, port: number): string {
  const end = `.${port}`;
  return `${`${namespace}.${name}`.slice(0, nameMax - end.length)}${end}`;
}

function ownMark(group: ReleasingGroup, service: ServiceToRelease): string | null {
  return group.backends.find(({ description }) => isMarkOf(description, service))?.description ?? null;
}

function notesOf(
  { cluster, namespace, name, uid }: ServiceToRelease,
  balancer: ReleasingBalancer,
  groups: Release['groups'],
): readonly string[] {
  const unweighted = balancer.listeners.filter(
    ({ port, scheduler }) => scheduler !== 'wrr' && groups.some((one) => one.port === port),
  );
  const key = annotationKey('id');
  return [
    ...unweighted.map(
      ({ port, scheduler }) =>
        `listener ${port} of ${balancer.id} schedules by ${scheduler}, which does not go by weights: set it to wrr before anything moves`,
    ),
    ...(balancer.name === madeName(uid)
      ? [
          `${balancer.id} is still called ${balancer.name}: without ${key} the controller would take it back by that name, and delete it together with Service ${cluster}/${namespace}/${name}; keep the annotation, or give the CLB another name in its console`,
        ]
      : []),
  ];
}
