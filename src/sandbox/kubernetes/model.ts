import { ApiError, alreadyExists, badRequest, forbidden, invalidPatch, noSuchResource, notFound } from './api-error.ts';
import { keyOf, markedDeleted, shelfKey, uidOf, withGeneratedName } from './identity.ts';
import { frozen, isObject, type JsonObject, objectAt, withFields } from './json.ts';
import type { KubeObject, ObjectKey } from './kube-object.ts';
import { type ListOptions, type ListResult, listed, selectorOf } from './listing.ts';
import { applied, type Patch, patched } from './patching.ts';
import { type Preconditions, refusePreconditions, refuseUndecodable, refuseUnversioned } from './refusals.ts';
import { type Plural, type ResourceType, resourceTypes } from './resource-types.ts';
import { takenBy } from './service-rules.ts';
import { shapeError } from './shape.ts';
import { type Change, eventOf, type WatchEvent, WatchLog } from './watch-log.ts';
import { type Write, type WriteContext, writtenObject } from './write.ts';

export interface WatchOptions extends Omit<ListOptions, 'limit' | 'continue'> {
  /** Starts after this resourceVersion; absent or `0`, with an ADDED event for each object there is. */
  readonly since?: string;
}

export interface Removal {
  readonly object: KubeObject;
  /** False while finalizers hold the object. */
  readonly isGone: boolean;
}

export interface RemoveContext extends WriteContext {
  readonly preconditions?: Preconditions;
}

const objectsMax = 50_000;
const protectedNamespaces = ['default', 'kube-system', 'kube-public'];

/**
 * The objects of one cluster with the rules of the API server, and no clock, timer or input of its own: the loopback
 * server and the simulator both stand on it. Objects are frozen and stored at the first version of their resource.
 * Every method throws ApiError with the Status that the real API server answers.
 */
export class ClusterModel {
  readonly name: string;
  readonly serves: readonly ResourceType[];
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #log: WatchLog;
  #revision = 0;
  #uids = 0;

  constructor(options: { name: string; serves: readonly ResourceType[]; now: number; historyMax?: number }) {
    this.name = options.name;
    this.serves = options.serves;
    this.#log = new WatchLog(options.historyMax ?? 10_000);
    for (const { plural } of options.serves) this.#objects.set(plural, new Map());
    if (!this.#objects.has('namespaces')) return;
    for (const name of [...protectedNamespaces, 'kube-node-lease'])
      this.put('namespaces', { metadata: { name } }, options.now);
  }

  /** The version of the cluster as a whole, as lists carry it. */
  get resourceVersion(): string {
    return String(this.#revision);
  }

  get(plural: Plural, key: ObjectKey): KubeObject {
    const found = this.#shelf(plural).get(shelfKey(key));
    if (!found) throw notFound(resourceTypes[plural], key.name);
    return found;
  }

  /** The object, or null where there is none. */
  find(plural: Plural, key: ObjectKey): KubeObject | null {
    return this.#shelf(plural).get(shelfKey(key)) ?? null;
  }

  list(plural: Plural, options: ListOptions = {}): ListResult {
    const at = { revision: this.#revision, refuseCompacted: (revision: number) => this.#log.refuseCompacted(revision) };
    return listed(resourceTypes[plural], this.#shelf(plural), options, at);
  }

  create(plural: Plural, object: JsonObject, context: WriteContext): KubeObject {
    return this.#create(plural, object, context, {});
  }

  /** Creates or replaces an object together with its status, as a controller would have left it: for starting states. */
  put(plural: Plural, object: JsonObject, now: number): KubeObject {
    const context: WriteContext = { now, manager: 'seed' };
    const key = keyOf(object);
    if (this.find(plural, key) === null) return this.#create(plural, object, context, { keepsStatus: true });
    const bare = withFields(object, {
      metadata: withFields(objectAt(object, 'metadata'), { resourceVersion: undefined }),
    });
    const updated = this.#write(plural, key, bare, context);
    if (!resourceTypes[plural].hasStatus || object['status'] === undefined) return updated;
    const withStatus = withFields(updated, { status: object['status'] });
    return this.#write(plural, key, withStatus, { ...context, subresource: 'status' });
  }

  update(plural: Plural, key: ObjectKey, object: JsonObject, context: WriteContext): KubeObject {
    const type = resourceTypes[plural];
    this.get(plural, key);
    refuseUndecodable(type, object);
    refuseUnversioned(type, key.name, object);
    return this.#write(plural, key, object, context);
  }

  patch(plural: Plural, key: ObjectKey, patch: Patch, context: WriteContext): KubeObject {
    const type = resourceTypes[plural];
    if (patch.kind === 'apply') return this.#apply(plural, key, patch, context);
    const before = this.get(plural, key);
    const candidate = patched(type, before, patch);
    const wrong = isObject(candidate)
      ? shapeError(type, candidate)
      : 'json: cannot unmarshal into Go value of an object';
    if (wrong !== null || !isObject(candidate)) throw invalidPatch(JSON.stringify(candidate), wrong ?? '');
    return this.#write(plural, key, candidate, context);
  }

  /** Deletes, or marks as deleted while finalizers hold the object. A namespace takes its contents along. */
  remove(plural: Plural, key: ObjectKey, context: RemoveContext): Removal {
    const type = resourceTypes[plural];
    const before = this.get(plural, key);
    refusePreconditions(type, before, context.preconditions ?? {});
    if (plural === 'namespaces' && protectedNamespaces.includes(key.name)) {
      throw forbidden(type, key.name, 'this namespace may not be deleted');
    }
    const isHeld = (before.metadata.finalizers ?? []).length > 0;
    if (context.dryRun === true) return { object: before, isGone: !isHeld };
    if (!isHeld && plural !== 'namespaces') return { object: this.#drop(plural, before, context.now), isGone: true };
    const marked = before.metadata.deletionTimestamp
      ? before
      : this.#commit(plural, before, markedDeleted(before, context.now));
    if (plural !== 'namespaces') return { object: marked, isGone: false };
    this.#empty(key.name, context.now);
    return { object: marked, isGone: this.find(plural, key) === null };
  }

  /**
   * Tells `listener` every change from `since` on, in order, at the moment it is committed; past ones before this
   * returns. Returns how to stop.
   */
  watch(plural: Plural, options: WatchOptions, listener: (event: WatchEvent) => void): () => void {
    const isSelected = selectorOf(resourceTypes[plural], options);
    const shelf = this.#shelf(plural);
    const from = this.#revision;
    const tell = (change: Change) => {
      const event = change.plural === plural ? eventOf(change, isSelected) : null;
      if (event) listener(event);
    };
    const since = Number(options.since ?? '0');
    if (!Number.isSafeInteger(since) || since < 0) throw badRequest(`Invalid value: ${JSON.stringify(options.since)}`);
    const past = since === 0 ? [] : this.#log.since(since);
    if (since === 0) for (const object of shelf.values()) if (isSelected(object)) listener({ type: 'ADDED', object });
    for (const change of past) tell(change);
    // A watch that begins while others are still being told must not hear again what it began with.
    return this.#log.listen((change) => {
      if (change.revision > from) tell(change);
    });
  }

  /** Forgets the watch history, so that every watch from an earlier resourceVersion gets 410 Gone. */
  compact(): void {
    this.#log.compact();
  }

  #create(plural: Plural, object: JsonObject, context: WriteContext, options: Partial<Write>): KubeObject {
    const type = resourceTypes[plural];
    refuseUndecodable(type, object);
    this.#uids += 1;
    const uid = uidOf(this.name, this.#uids);
    const candidate = withGeneratedName(object, uid);
    const key = keyOf(candidate);
    this.#refuseNamespace(type, key);
    if (this.#shelf(plural).has(shelfKey(key))) throw alreadyExists(type, key.name);
    const write = {
      type,
      before: null,
      candidate,
      context,
      taken: this.#taken(type, null),
      uid,
      ...options,
    };
    const written = writtenObject(write);
    const count = [...this.#objects.values()].reduce((sum, shelf) => sum + shelf.size, 0);
    if (count >= objectsMax) throw new ApiError(500, '', 'etcdserver: mvcc: database space exceeded');
    return context.dryRun === true ? written : this.#commit(plural, null, written);
  }

  #apply(plural: Plural, key: ObjectKey, patch: Patch, context: WriteContext): KubeObject {
    const type = resourceTypes[plural];
    const config = { ...objectAt(patch.body), metadata: { ...objectAt(patch.body, 'metadata'), ...key } };
    refuseUndecodable(type, config);
    const before = this.find(plural, key);
    if (before === null) return this.#create(plural, config, context, { applied: config });
    const candidate = applied(type, before, config, patch.force === true, context);
    return this.#write(plural, key, candidate, context, config);
  }

  #write(
    plural: Plural,
    key: ObjectKey,
    candidate: JsonObject,
    context: WriteContext,
    config?: JsonObject,
  ): KubeObject {
    const type = resourceTypes[plural];
    const before = this.get(plural, key);
    const write: Write = {
      type,
      before,
      candidate,
      context,
      taken: this.#taken(type, before),
      uid: before.metadata.uid,
    };
    const written = writtenObject(config ? { ...write, applied: config } : write);
    if (context.dryRun === true || written === before) return written;
    const isReleased = written.metadata.deletionTimestamp !== undefined && !written.metadata.finalizers?.length;
    if (isReleased && plural !== 'namespaces') return this.#drop(plural, written, context.now);
    return this.#commit(plural, before, written);
  }

  #commit(plural: Plural, before: KubeObject | null, after: KubeObject): KubeObject {
    const object = this.#revised(after);
    this.#shelf(plural).set(shelfKey(object.metadata), object);
    this.#log.append({ revision: this.#revision, plural, before, after: object, object });
    return object;
  }

  #drop(plural: Plural, before: KubeObject, now: number): KubeObject {
    this.#shelf(plural).delete(shelfKey(before.metadata));
    const object = this.#revised(before);
    this.#log.append({ revision: this.#revision, plural, before, after: null, object });
    const { namespace } = before.metadata;
    if (namespace !== undefined) this.#finishNamespace(namespace, now);
    return object;
  }

  #revised(object: KubeObject): KubeObject {
    this.#revision += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#revision) };
    return frozen({ ...object, metadata });
  }

  #empty(namespace: string, now: number): void {
    for (const { plural, namespaced } of this.serves) {
      const inside = [...this.#shelf(plural as Plural).values()].filter(
        (each) => each.metadata.namespace === namespace,
      );
      if (namespaced) for (const { metadata } of inside) this.remove(plural as Plural, metadata, { now });
    }
    this.#finishNamespace(namespace, now);
  }

  #finishNamespace(name: string, now: number): void {
    const namespace = this.#objects.get('namespaces')?.get(name);
    if (!namespace?.metadata.deletionTimestamp) return;
    const isInside = (object: KubeObject) => object.metadata.namespace === name;
    const isEmpty = [...this.#objects.values()].every((shelf) => ![...shelf.values()].some(isInside));
    if (isEmpty) this.#drop('namespaces', namespace, now);
  }

  #refuseNamespace(type: ResourceType, key: ObjectKey): void {
    if (!type.namespaced) {
      if (key.namespace !== undefined) throw badRequest('namespace may not be set on a resource of the cluster');
      return;
    }
    if (key.namespace === undefined) throw badRequest('an empty namespace may not be set during creation');
    const namespaces = this.#objects.get('namespaces');
    if (!namespaces) return;
    const found = namespaces.get(key.namespace);
    if (!found) throw notFound(resourceTypes.namespaces, key.namespace);
    if (found.metadata.deletionTimestamp) {
      const why = `unable to create new content in namespace ${key.namespace} because it is being terminated`;
      throw forbidden(type, key.name, why);
    }
  }

  #taken(type: ResourceType, self: KubeObject | null) {
    const services = type.kind === 'Service' ? [...this.#shelf('services').values()] : [];
    return takenBy(services.filter((service) => service !== self));
  }

  #shelf(plural: Plural): Map<string, KubeObject> {
    const shelf = this.#objects.get(plural);
    if (!shelf) throw noSuchResource();
    return shelf;
  }
}

export type { KubeObject, ListOptions, ListResult, ObjectKey, Patch, WatchEvent, WriteContext };
