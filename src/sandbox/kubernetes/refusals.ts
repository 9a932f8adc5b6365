import { ApiError, badRequest, conflict } from './api-error.ts';
import { type JsonObject, textAt } from './json.ts';
import type { KubeObject } from './kube-object.ts';
import type { ResourceType } from './resource-types.ts';
import { shapeError } from './shape.ts';

/** @throws ApiError 400 for an object that cannot be decoded as its kind */
export function refuseUndecodable(type: ResourceType, object: JsonObject): void {
  const wrong = shapeError(type, object);
  if (wrong === null) return;
  const version = textAt(object, 'apiVersion').split('/').at(-1) || type.versions[0];
  throw badRequest(`${type.kind} in version "${version}" cannot be handled as a ${type.kind}: ${wrong}`);
}

/** @throws ApiError 422: custom resources take no update without the resourceVersion it is based on */
export function refuseUnversioned(type: ResourceType, name: string, object: JsonObject): void {
  if (!type.isCustom || textAt(object, 'metadata', 'resourceVersion') !== '') return;
  const message = 'Invalid value: 0x0: must be specified for an update';
  const causes = [{ reason: 'FieldValueInvalid', message, field: 'metadata.resourceVersion' }];
  const text = `${type.plural}.${type.group} "${name}" is invalid: metadata.resourceVersion: ${message}`;
  throw new ApiError(422, 'Invalid', text, { name, group: type.group, kind: type.plural, causes });
}

/** What a deletion may ask of the object it deletes. */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** @throws ApiError 409 when the object is not the one that was meant */
export function refusePreconditions(type: ResourceType, object: KubeObject, preconditions: Preconditions): void {
  const { uid, resourceVersion } = preconditions;
  const { metadata } = object;
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(
      type,
      metadata.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`;
    throw conflict(type, metadata.name, why);
  }
}
