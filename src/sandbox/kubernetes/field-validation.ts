import { badRequest } from './api-error.ts';
import { isObject, type Json, type JsonObject, listAt, objectAt, withFields } from './json.ts';
import type { ResourceType } from './resource-types.ts';
import { serviceFields } from './shape.ts';

/** What to do with fields that the kind does not have (`fieldValidation` of a write). */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface Checked {
  readonly object: JsonObject;
  /** One text for each unknown field, for Warning headers. */
  readonly warnings: readonly string[];
}

const warningsMax = 20;
const topFields = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];
const metadataFields = ['name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'generation'].concat(
  ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'labels', 'annotations'],
  ['ownerReferences', 'finalizers', 'managedFields'],
);

/**
 * `object` without the fields that its kind does not have. Known are the metadata of all kinds and the whole of a
 * Service, the object that people edit by hand here; other kinds keep what they are given.
 * @throws ApiError 400 for an unknown field under Strict
 */
export function validatedFields(type: ResourceType, object: JsonObject, mode: FieldValidation): Checked {
  const unknown: string[] = [];
  const pick = (value: Json | undefined, known: readonly string[], path: string): Json | undefined => {
    if (!isObject(value)) return value;
    const isKnown = (key: string) => known.includes(key) || key.startsWith('$');
    unknown.push(
      ...Object.keys(value)
        .filter((key) => !isKnown(key))
        .map((key) => `${path}${key}`),
    );
    return Object.fromEntries(Object.entries(value).filter(([key]) => isKnown(key)));
  };
  const metadata = pick(object['metadata'], metadataFields, 'metadata.');
  let checked = object['metadata'] === undefined ? object : withFields(object, { metadata });
  if (type.kind === 'Service') {
    checked = objectAt(pick(checked, topFields, ''));
    if (isObject(checked['spec'])) checked = withFields(checked, { spec: serviceSpec(checked['spec'], pick) });
  }
  if (unknown.length > 0 && mode === 'Strict') {
    const list = unknown.slice(0, warningsMax).map((field) => `unknown field ${JSON.stringify(field)}`);
    const version = type.versions[0];
    const why = `strict decoding error: ${list.join(', ')}`;
    throw badRequest(`${type.kind} in version ${JSON.stringify(version)} cannot be handled as a ${type.kind}: ${why}`);
  }
  const warnings = mode === 'Warn' ? unknown.slice(0, warningsMax).map((field) => `unknown field "${field}"`) : [];
  return { object: checked, warnings };
}

type Pick = (value: Json | undefined, known: readonly string[], path: string) => Json | undefined;

function serviceSpec(spec: JsonObject, pick: Pick): JsonObject {
  const known = objectAt(pick(spec, serviceFields.spec, 'spec.'));
  if (!Array.isArray(known['ports'])) return known;
  const ports = listAt(known, 'ports').map((port, i) => pick(port, serviceFields.port, `spec.ports[${i}].`) ?? null);
  return withFields(known, { ports });
}
