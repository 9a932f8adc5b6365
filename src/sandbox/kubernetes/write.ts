import { badRequest, conflict, invalid } from './api-error.ts';
import { immutable } from './causes.ts';
import { leavesOf } from './field-paths.ts';
import { at, frozen, isEqual, type JsonObject, listAt, objectAt, textAt, withFields } from './json.ts';
import { completed, validationCauses } from './kind-rules.ts';
import { type KubeObject, kubeTime, type ManagedFields } from './kube-object.ts';
import { managedAfter, type Writer } from './managed-fields.ts';
import { type ResourceType, storedApiVersion } from './resource-types.ts';
import type { Taken } from './service-rules.ts';

/** Who writes and when. */
export interface WriteContext {
  /** Milliseconds since the epoch; the model has no clock. */
  readonly now: number;
  /** The field manager; `unknown` when absent. */
  readonly manager?: string;
  /** Writes the status part only; absent for the object itself. */
  readonly subresource?: 'status';
  /** The API version that the writer used, for managedFields. */
  readonly apiVersion?: string;
  /** Everything is checked and computed, nothing is stored. */
  readonly dryRun?: boolean;
}

/** One write on its way into the store. */
export interface Write {
  readonly type: ResourceType;
  readonly before: KubeObject | null;
  readonly candidate: JsonObject;
  readonly context: WriteContext;
  readonly taken: Taken;
  /** The configuration of a server-side apply, which owns its fields. */
  readonly applied?: JsonObject;
  /** Seeding: a new object keeps the status it comes with. */
  readonly keepsStatus?: boolean;
  readonly uid: string;
}

/**
 * The object that a write leads to: defaults, carried-over system fields, validation, ownership, generation; without
 * a new resourceVersion. Returns `before` itself when nothing changes, because such a write makes no event.
 * @throws ApiError 409 (resourceVersion, uid) or 422
 */
export function writtenObject(write: Write): KubeObject {
  const { type, before, candidate, context, taken } = write;
  if (before !== null) refuseStale(type, before, candidate);
  const scoped = before === null ? created(write) : updated(type, before, candidate, context);
  const full = context.subresource === 'status' ? scoped : completed(type, scoped, before, taken);
  const identified = withFields(full, {
    apiVersion: storedApiVersion(type),
    kind: type.kind,
    metadata: systemMetadata(write, objectAt(full, 'metadata')),
  });
  const causes = [...identityCauses(before, candidate), ...validationCauses(type, identified, before, taken)];
  if (causes.length > 0) throw invalid(type, textAt(identified, 'metadata', 'name'), causes);
  return withOwnership(write, identified);
}

function refuseStale(type: ResourceType, before: KubeObject, candidate: JsonObject): void {
  const { name, uid, resourceVersion } = before.metadata;
  const asked = textAt(candidate, 'metadata', 'uid');
  if (asked !== '' && asked !== uid) {
    const why = `Precondition failed: UID in precondition: ${asked}, UID in object meta: ${uid}`;
    throw conflict(type, name, why);
  }
  const version = textAt(candidate, 'metadata', 'resourceVersion');
  if (version !== '' && !/^\d{1,16}$/.test(version)) {
    const why = `strconv.ParseUint: parsing ${JSON.stringify(version)}: invalid syntax`;
    throw invalid(type, name, [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(version)}: ${why}`,
        field: 'metadata.resourceVersion',
      },
    ]);
  }
  if (version !== '' && version !== resourceVersion) throw conflict(type, name);
}

/** Kubelets register nodes with their status; everybody else's status of a new object is dropped. */
function created({ type, candidate, keepsStatus }: Write): JsonObject {
  if (textAt(candidate, 'metadata', 'resourceVersion') !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  const isKept = keepsStatus === true || !type.hasStatus || type.kind === 'Node';
  return isKept ? candidate : withFields(candidate, { status: undefined });
}

/** The part of the stored object that this endpoint may change, taken from the candidate. */
function updated(type: ResourceType, before: KubeObject, candidate: JsonObject, context: WriteContext): JsonObject {
  if (!type.hasStatus) return candidate;
  if (context.subresource !== 'status') return withFields(candidate, { status: before.status });
  const { status } = candidate;
  // Built-in kinds take labels and annotations through /status (the cloud controller writes its hash label there);
  // custom resources take nothing but the status.
  return type.isCustom
    ? withFields(before, { status })
    : withFields(before, { status, metadata: candidate['metadata'] });
}

function systemMetadata({ before, context, uid, candidate }: Write, metadata: JsonObject): JsonObject {
  const kept = before?.metadata;
  return withFields(metadata, {
    name: kept?.name ?? textAt(candidate, 'metadata', 'name'),
    namespace: kept ? kept.namespace : metadata['namespace'],
    uid: kept?.uid ?? uid,
    resourceVersion: kept?.resourceVersion,
    creationTimestamp: kept?.creationTimestamp ?? kubeTime(context.now),
    generation: kept?.generation,
    deletionTimestamp: kept?.deletionTimestamp,
    deletionGracePeriodSeconds: kept?.['deletionGracePeriodSeconds'],
    managedFields: undefined,
    selfLink: undefined,
    labels: nonEmpty(objectAt(metadata, 'labels')),
    annotations: nonEmpty(objectAt(metadata, 'annotations')),
    finalizers: listAt(metadata, 'finalizers').length > 0 ? metadata['finalizers'] : undefined,
  });
}

/** Values of null are empty texts, as Go decodes them; an empty map is left out. */
function nonEmpty(map: JsonObject): JsonObject | undefined {
  const entries = Object.entries(map).map(([key, value]) => [key, value ?? '']);
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

function identityCauses(before: KubeObject | null, candidate: JsonObject) {
  if (before === null) return [];
  return (['name', 'namespace'] as const).flatMap((field) => {
    const asked = at(candidate, 'metadata', field);
    return asked === undefined || asked === before.metadata[field] ? [] : [immutable(`metadata.${field}`, asked)];
  });
}

function withOwnership(write: Write, object: JsonObject): KubeObject {
  const { type, before, context, applied } = write;
  const held = before?.metadata.managedFields ?? [];
  const writer: Writer = {
    manager: context.manager ?? 'unknown',
    operation: applied ? 'Apply' : 'Update',
    apiVersion: context.apiVersion ?? storedApiVersion(type),
    time: kubeTime(context.now),
    ...(context.subresource ? { subresource: context.subresource } : {}),
  };
  const leaves = applied ? leavesOf(type, applied) : null;
  const managedFields = managedAfter(type, before, object, held, writer, leaves);
  if (before !== null && isEqual(bare(before), bare(object)) && isEqual(held, managedFields)) return before;
  const metadata = withFields(objectAt(object, 'metadata'), {
    generation: generation(type, before, object),
    managedFields: managedFields as readonly ManagedFields[] | undefined,
  });
  return frozen(withFields(object, { metadata })) as KubeObject;
}

function bare(object: JsonObject): JsonObject {
  return withFields(object, { metadata: withFields(objectAt(object, 'metadata'), { managedFields: undefined }) });
}

/** Counts changes of anything but metadata and status. */
function generation(type: ResourceType, before: KubeObject | null, object: JsonObject): number | undefined {
  if (!type.hasGeneration) return undefined;
  const wanted = (each: JsonObject) => withFields(each, { metadata: undefined, status: undefined });
  if (before === null) return 1;
  return isEqual(wanted(before), wanted(object)) ? before.metadata.generation : (before.metadata.generation ?? 0) + 1;
}
