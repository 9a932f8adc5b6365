import type { Cause } from './api-error.ts';
import { immutable, invalidValue, required, unsupported } from './causes.ts';
import { isEqual, isObject, type Json, type JsonObject, objectAt, textAt, withFields } from './json.ts';
import { metadataCauses } from './metadata-rules.ts';
import type { ResourceType } from './resource-types.ts';
import { completeService, serviceCauses, type Taken } from './service-rules.ts';

/** `object` with the defaults of its kind. `before` is the stored object on an update. */
export function completed(type: ResourceType, object: JsonObject, before: JsonObject | null, taken: Taken): JsonObject {
  switch (type.kind) {
    case 'Service':
      return completeService(object, before, taken);
    case 'Namespace':
      return completeNamespace(object);
    case 'Secret':
      return completeSecret(object);
    case 'EndpointSlice':
      return withFields(object, { endpoints: object['endpoints'] ?? null, ports: object['ports'] ?? null });
    case 'Event':
      return withFields(object, {
        source: object['source'] ?? {},
        reportingComponent: object['reportingComponent'] ?? textAt(object, 'source', 'component'),
        reportingInstance: object['reportingInstance'] ?? textAt(object, 'source', 'host'),
      });
    default:
      return object;
  }
}

function completeNamespace(namespace: JsonObject): JsonObject {
  const name = textAt(namespace, 'metadata', 'name');
  const labels = { ...objectAt(namespace, 'metadata', 'labels'), 'kubernetes.io/metadata.name': name };
  return withFields(namespace, {
    metadata: withFields(objectAt(namespace, 'metadata'), { labels }),
    spec: namespace['spec'] ?? { finalizers: ['kubernetes'] },
    status: namespace['status'] ?? { phase: 'Active' },
  });
}

/** stringData is write-only: it ends up encoded in data. */
function completeSecret(secret: JsonObject): JsonObject {
  const plain = Object.entries(objectAt(secret, 'stringData'));
  const encoded = plain.map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')]);
  const data = { ...objectAt(secret, 'data'), ...Object.fromEntries(encoded) };
  const hasData = Object.keys(data).length > 0 || isObject(secret['data']);
  return withFields(secret, {
    data: hasData ? data : undefined,
    stringData: undefined,
    type: secret['type'] ?? 'Opaque',
  });
}

/** The limit of a ConfigMap's and a Secret's data (1 MiB, pkg/apis/core MaxSecretSize). */
const dataBytesMax = 1_048_576;

/** Everything that validation finds in a completed object; empty when it may be stored. */
export function validationCauses(
  type: ResourceType,
  object: JsonObject,
  before: JsonObject | null,
  taken: Taken,
): readonly Cause[] {
  return [...metadataCauses(type, object), ...kindCauses(type, object, before, taken)];
}

function kindCauses(type: ResourceType, object: JsonObject, before: JsonObject | null, taken: Taken): readonly Cause[] {
  switch (type.kind) {
    case 'Service':
      return serviceCauses(object, before, taken);
    case 'ConfigMap':
      return dataCauses(object, before);
    case 'Secret':
      return [...dataCauses(object, before), ...changed('type', object['type'], before?.['type'])];
    case 'EndpointSlice':
      return endpointSliceCauses(object, before);
    case 'Event':
      return eventCauses(object);
    case 'Deployment':
      return changed('spec.selector', objectAt(object, 'spec')['selector'], objectAt(before ?? {}, 'spec')['selector']);
    case 'IstioGateway':
      return istioGatewayCauses(objectAt(object, 'spec'));
    default:
      return [];
  }
}

function dataCauses(object: JsonObject, before: JsonObject | null): readonly Cause[] {
  const entries = [...Object.entries(objectAt(object, 'data')), ...Object.entries(objectAt(object, 'binaryData'))];
  const causes = entries
    .filter(([key]) => key.length > 253 || !/^[-._a-zA-Z0-9]+$/.test(key) || key === '.' || key.startsWith('..'))
    .map(([key]) =>
      invalidValue(
        `data[${key}]`,
        key,
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ),
    );
  const bytes = entries.reduce((sum, [, value]) => sum + Buffer.byteLength(String(value)), 0);
  if (bytes > dataBytesMax) {
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${dataBytesMax} bytes`,
      field: 'data',
    });
  }
  if (before?.['immutable'] === true && !isEqual(object['data'], before['data'])) {
    causes.push({
      reason: 'FieldValueForbidden',
      message: 'Forbidden: field is immutable when `immutable` is set',
      field: 'data',
    });
  }
  return causes;
}

function endpointSliceCauses(object: JsonObject, before: JsonObject | null): readonly Cause[] {
  const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
  const addressType = object['addressType'];
  if (addressType === undefined) return [required('addressType')];
  if (!addressTypes.includes(String(addressType))) return [unsupported('addressType', addressType, addressTypes)];
  return changed('addressType', addressType, before?.['addressType']);
}

function eventCauses(object: JsonObject): readonly Cause[] {
  const involved = textAt(object, 'involvedObject', 'namespace') || 'default';
  if (involved === textAt(object, 'metadata', 'namespace')) return [];
  return [
    invalidValue(
      'involvedObject.namespace',
      textAt(object, 'involvedObject', 'namespace'),
      'does not match event.namespace',
    ),
  ];
}

/** The part of the CustomResourceDefinition's schema that carries weights: annotation values are texts. */
function istioGatewayCauses(spec: JsonObject): readonly Cause[] {
  const overrides = Object.entries(objectAt(spec, 'overrides'));
  const maps: readonly (readonly [string, Json | undefined])[] = [
    ['spec.serviceAnnotations', spec['serviceAnnotations']],
    ['spec.serviceLabels', spec['serviceLabels']],
    ...overrides.map(
      ([id, each]) => [`spec.overrides.${id}.serviceAnnotations`, objectAt(each)['serviceAnnotations']] as const,
    ),
  ];
  return maps.flatMap(([field, map]) =>
    Object.entries(objectAt(map))
      .filter(([, value]) => typeof value !== 'string')
      .map(([key, value]) => wrongType(`${field}.${key}`, value)),
  );
}

function wrongType(field: string, value: Json | undefined): Cause {
  const found = Number.isInteger(value)
    ? 'integer'
    : Array.isArray(value)
      ? 'array'
      : value === null
        ? 'null'
        : typeof value;
  const message = `Invalid value: "${found}": ${field} in body must be of type string: "${found}"`;
  return { reason: 'FieldValueTypeInvalid', message, field };
}

function changed(field: string, value: Json | undefined, before: Json | undefined): readonly Cause[] {
  return before === undefined || isEqual(value, before) ? [] : [immutable(field, value)];
}
