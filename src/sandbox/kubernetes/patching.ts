import { badRequest } from './api-error.ts';
import { leavesOf } from './field-paths.ts';
import { isObject, type Json, type JsonObject, objectAt, withFields } from './json.ts';
import { type KubeObject, kubeTime } from './kube-object.ts';
import { refuseConflicts, type Writer, withoutDropped } from './managed-fields.ts';
import { jsonPatch, mergePatch } from './patches.ts';
import { type ResourceType, storedApiVersion } from './resource-types.ts';
import { strategicPatch } from './strategic-patch.ts';
import type { WriteContext } from './write.ts';

export interface Patch {
  readonly kind: 'merge' | 'json' | 'strategic' | 'apply';
  readonly body: Json;
  /** Server-side apply only: take over fields that other managers own. */
  readonly force?: boolean;
}

/** The object after a patch of the first three kinds. @throws ApiError 400 for a malformed patch, 422 for a refused one */
export function patched(type: ResourceType, before: KubeObject, patch: Patch): Json {
  const current = withFields(before, {
    metadata: withFields(before.metadata, { managedFields: undefined }),
  });
  if (patch.kind === 'json') return jsonPatch(current, patch.body);
  if (!isObject(patch.body)) {
    throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}');
  }
  return patch.kind === 'strategic' ? strategicPatch(type, current, patch.body) : mergePatch(current, patch.body);
}

/** The object after a server-side apply of `config`. @throws ApiError 409 where another manager owns a changed field */
export function applied(
  type: ResourceType,
  before: KubeObject,
  config: JsonObject,
  force: boolean,
  context: WriteContext,
): JsonObject {
  const managed = before.metadata.managedFields ?? [];
  const writer: Writer = {
    manager: context.manager ?? 'unknown',
    operation: 'Apply',
    apiVersion: context.apiVersion ?? storedApiVersion(type),
    time: kubeTime(context.now),
    ...(context.subresource ? { subresource: context.subresource } : {}),
  };
  const leaves = leavesOf(type, config);
  const merged = objectAt(strategicPatch(type, before, config));
  if (!force) refuseConflicts(type, before, merged, managed, writer, leaves);
  return withoutDropped(type, merged, managed, writer, leaves);
}
