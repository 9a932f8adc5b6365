import { badRequest, unsupportedMediaType } from './api-error.ts';
import { type JsonObject, objectAt, textAt } from './json.ts';
import { decodeMessage, type Message, type ProtoField, type ProtoType } from './protobuf.ts';

export const protobufType = 'application/vnd.kubernetes.protobuf';

function one(name: string, type: ProtoType): ProtoField {
  return { name, type };
}

function many(name: string, type: ProtoType): ProtoField {
  return { name, type, isRepeated: true };
}

const metadata: Message = {
  1: one('name', 'string'),
  2: one('generateName', 'string'),
  3: one('namespace', 'string'),
  5: one('uid', 'string'),
  6: one('resourceVersion', 'string'),
  11: one('labels', 'stringMap'),
  12: one('annotations', 'stringMap'),
  14: many('finalizers', 'string'),
};

const servicePort: Message = {
  1: one('name', 'string'),
  2: one('protocol', 'string'),
  3: one('port', 'int'),
  4: one('targetPort', 'intOrString'),
  5: one('nodePort', 'int'),
  6: one('appProtocol', 'string'),
};

const serviceSpec: Message = {
  1: many('ports', servicePort),
  2: one('selector', 'stringMap'),
  3: one('clusterIP', 'string'),
  4: one('type', 'string'),
  5: many('externalIPs', 'string'),
  7: one('sessionAffinity', 'string'),
  8: one('loadBalancerIP', 'string'),
  9: many('loadBalancerSourceRanges', 'string'),
  10: one('externalName', 'string'),
  11: one('externalTrafficPolicy', 'string'),
  12: one('healthCheckNodePort', 'int'),
  13: one('publishNotReadyAddresses', 'bool'),
  17: one('ipFamilyPolicy', 'string'),
  18: many('clusterIPs', 'string'),
  19: many('ipFamilies', 'string'),
  20: one('allocateLoadBalancerNodePorts', 'bool'),
  21: one('loadBalancerClass', 'string'),
  22: one('internalTrafficPolicy', 'string'),
};

const resourceAttributes: Message = {
  1: one('namespace', 'string'),
  2: one('verb', 'string'),
  3: one('group', 'string'),
  4: one('version', 'string'),
  5: one('resource', 'string'),
  6: one('subresource', 'string'),
  7: one('name', 'string'),
};

const nameReference: Message = { 1: one('name', 'string') };

/**
 * The kinds that kubectl 1.32 sends as protobuf where a person makes them by hand (`create configmap`, `create ns`,
 * `create secret`, `create service`, `create sa`, `auth can-i`).
 * @source k8s.io/api core/v1, authorization/v1 and k8s.io/apimachinery meta/v1, generated.proto
 */
const messages: Readonly<Record<string, Message>> = {
  ConfigMap: {
    1: one('metadata', metadata),
    2: one('data', 'stringMap'),
    3: one('binaryData', 'bytesMap'),
    4: one('immutable', 'bool'),
  },
  Secret: {
    1: one('metadata', metadata),
    2: one('data', 'bytesMap'),
    3: one('type', 'string'),
    4: one('stringData', 'stringMap'),
    5: one('immutable', 'bool'),
  },
  Namespace: { 1: one('metadata', metadata), 2: one('spec', { 1: many('finalizers', 'string') }) },
  ServiceAccount: { 1: one('metadata', metadata), 3: many('imagePullSecrets', nameReference) },
  Service: { 1: one('metadata', metadata), 2: one('spec', serviceSpec) },
  SelfSubjectAccessReview: {
    1: one('metadata', metadata),
    2: one('spec', { 1: one('resourceAttributes', resourceAttributes) }),
  },
  DeleteOptions: {
    1: one('gracePeriodSeconds', 'int'),
    2: one('preconditions', { 1: one('uid', 'string'), 2: one('resourceVersion', 'string') }),
    4: one('propagationPolicy', 'string'),
    5: many('dryRun', 'string'),
  },
};

/** What wraps every object: `k8s\0` and then runtime.Unknown. */
const magic = Buffer.from('k8s\u0000');
const envelope: Message = {
  1: one('typeMeta', { 1: one('apiVersion', 'string'), 2: one('kind', 'string') }),
  2: one('raw', 'bytes'),
};

/** Decodes an object in Kubernetes' protobuf form. @throws ApiError 400 for malformed bytes, 415 for another kind */
export function objectOfProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, magic.length).equals(magic)) {
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  const unknown = decodeMessage(body.subarray(magic.length), envelope);
  const typeMeta = objectAt(unknown, 'typeMeta');
  const message = messages[textAt(typeMeta, 'kind')];
  if (!message) throw unsupportedMediaType(['application/json', 'application/yaml']);
  return { ...typeMeta, ...decodeMessage(Buffer.from(textAt(unknown, 'raw'), 'base64'), message) };
}
