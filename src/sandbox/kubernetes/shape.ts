import { isList, isObject, type Json, type JsonObject, objectAt } from './json.ts';
import type { ResourceType } from './resource-types.ts';

/** What a field must be before rules are asked; the names are those of the Go types in error messages. */
type Shape = 'string' | 'int32' | 'bool' | 'intOrString' | 'map[string]string' | 'object' | '[]string' | '[]object';

type Fields = Readonly<Record<string, Shape>>;

const metadataFields: Fields = {
  name: 'string',
  namespace: 'string',
  generateName: 'string',
  resourceVersion: 'string',
  uid: 'string',
  labels: 'map[string]string',
  annotations: 'map[string]string',
  finalizers: '[]string',
  ownerReferences: '[]object',
};

const serviceSpec: Fields = {
  type: 'string',
  clusterIP: 'string',
  clusterIPs: '[]string',
  externalIPs: '[]string',
  externalName: 'string',
  externalTrafficPolicy: 'string',
  internalTrafficPolicy: 'string',
  ipFamilies: '[]string',
  ipFamilyPolicy: 'string',
  sessionAffinity: 'string',
  loadBalancerClass: 'string',
  loadBalancerIP: 'string',
  loadBalancerSourceRanges: '[]string',
  allocateLoadBalancerNodePorts: 'bool',
  publishNotReadyAddresses: 'bool',
  healthCheckNodePort: 'int32',
  selector: 'map[string]string',
  ports: '[]object',
};

const servicePort: Fields = {
  name: 'string',
  port: 'int32',
  targetPort: 'intOrString',
  nodePort: 'int32',
  protocol: 'string',
  appProtocol: 'string',
};

const topFields: Readonly<Record<string, Fields>> = {
  ConfigMap: { data: 'map[string]string', binaryData: 'map[string]string', immutable: 'bool' },
  Secret: { data: 'map[string]string', stringData: 'map[string]string', type: 'string', immutable: 'bool' },
  EndpointSlice: { addressType: 'string', endpoints: '[]object', ports: '[]object' },
  Event: { type: 'string', reason: 'string', message: 'string', involvedObject: 'object', count: 'int32' },
};

/** Why `object` cannot be decoded as its kind, in the words of Go's decoder, or null. */
export function shapeError(type: ResourceType, object: JsonObject): string | null {
  const { metadata, spec, status } = object;
  if (metadata !== undefined && !isObject(metadata)) return mismatch('', 'metadata', metadata, 'ObjectMeta');
  const top = { ...topFields[type.kind], spec: 'object' as const, status: 'object' as const };
  return (
    wrongField('ObjectMeta.metadata', objectAt(object, 'metadata'), metadataFields) ??
    wrongField(type.kind, { ...object, spec, status }, top) ??
    (type.kind === 'Service' ? serviceShapeError(objectAt(object, 'spec')) : null)
  );
}

function serviceShapeError(spec: JsonObject): string | null {
  const wrong = wrongField('ServiceSpec.spec', spec, serviceSpec);
  if (wrong !== null) return wrong;
  for (const port of isList(spec['ports']) ? spec['ports'] : []) {
    const wrongPort = wrongField('ServicePort.spec.ports', port as JsonObject, servicePort);
    if (wrongPort !== null) return wrongPort;
  }
  return null;
}

/** The fields that decoding a Service keeps; everything else is reported by field validation and dropped. */
export const serviceFields = {
  spec: [...Object.keys(serviceSpec), 'sessionAffinityConfig', 'trafficDistribution'],
  port: Object.keys(servicePort),
} as const;

function wrongField(struct: string, object: JsonObject, fields: Fields): string | null {
  for (const [field, shape] of Object.entries(fields)) {
    const value = Object.hasOwn(object, field) ? object[field] : undefined;
    if (value === undefined || value === null) continue;
    const found = wrongPart(value, shape);
    if (found !== null) return mismatch(struct, field, found.value, found.goType);
  }
  return null;
}

function wrongPart(value: Json, shape: Shape): { value: Json; goType: string } | null {
  const wrong = { value, goType: shape === 'object' ? 'map[string]interface {}' : shape };
  switch (shape) {
    case 'string':
      return typeof value === 'string' ? null : wrong;
    case 'bool':
      return typeof value === 'boolean' ? null : wrong;
    case 'int32':
      return Number.isInteger(value) && Math.abs(value as number) < 2 ** 31 ? null : wrong;
    case 'intOrString':
      return typeof value === 'string' || Number.isInteger(value) ? null : { value, goType: 'intstr.IntOrString' };
    case 'object':
      return isObject(value) ? null : wrong;
    case 'map[string]string':
      return isObject(value) ? firstThatIsNot(Object.values(value), 'string') : wrong;
    case '[]string':
      return isList(value) ? firstThatIsNot(value, 'string') : wrong;
    case '[]object':
      return isList(value) ? firstThatIsNot(value, 'object') : wrong;
    default:
      return shape satisfies never;
  }
}

function firstThatIsNot(items: readonly (Json | undefined)[], shape: Shape): { value: Json; goType: string } | null {
  for (const item of items) {
    // Go decodes null into the zero value, so `annotation: null` in a whole object is an empty text.
    if (item === undefined || item === null) continue;
    const wrong = wrongPart(item, shape);
    if (wrong !== null) return wrong;
  }
  return null;
}

function mismatch(struct: string, field: string, value: Json, goType: string): string {
  const place = struct === '' ? field : `${struct}.${field}`;
  return `json: cannot unmarshal ${wireType(value)} into Go struct field ${place} of type ${goType}`;
}

function wireType(value: Json): string {
  if (isList(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}
