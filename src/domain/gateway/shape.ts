import {
  alsoTold,
  anyObject,
  anyText,
  flag,
  int32Max,
  inWords,
  list,
  object,
  oneOf,
  text,
  wholeNumber,
} from './checks.ts';
import { type Check, fail, fieldsOf, isFields, shown, unknownField, warn } from './finding.ts';
import {
  affinity,
  annotations,
  compression,
  dnsLabel,
  env,
  kernel,
  labels,
  podsOrShare,
  ports,
  resources,
  tolerations,
  utilization,
  volumes,
} from './parts.ts';

/** Every field of an IstioGateway with its type and range (CRD field reference of the ASM documents; reference C2). */

export const gatewayApiVersion = 'istio.alibabacloud.com/v1beta1';
export const gatewayKind = 'IstioGateway';
/** Gateways elsewhere do not get their configuration since Istio 1.6 (CRD field reference). */
export const gatewayNamespace = 'istio-system';

/** `'true'` on a serverless gateway, whose pods are the mesh's own (reference C2). */
export const serverlessKey = 'asm.alibabacloud.com/managed-by-asm';

/** Only these may differ from cluster to cluster. */
const overridable = {
  serviceAnnotations: annotations,
  podAnnotations: annotations,
  resources,
  replicaCount: wholeNumber(0, int32Max),
} satisfies Readonly<Record<string, Check>>;

/** From ASM 1.16 on these as well: fields of the autoscaler, and the Service's type. */
const overridableSince116 = {
  cpu: utilization,
  memory: utilization,
  maxReplicas: wholeNumber(1, int32Max),
  minReplicas: wholeNumber(1, int32Max),
  serviceType: oneOf(['LoadBalancer', 'NodePort', 'ClusterIP']),
} satisfies Readonly<Record<string, Check>>;

const onlyInExamples = 'is in examples of the documents but not in the CRD reference: only its type is checked';
const onlyInType = 'is in the published Go type but not in the CRD reference: only its type is checked';
const seconds = wholeNumber(1, int32Max);

/** Not described anywhere: what a change of them does cannot be told. */
const undescribed = {
  autoscaleEnabled: alsoTold(onlyInType, flag),
  autoCreateGatewayYaml: alsoTold(onlyInExamples, flag),
  disableContainerPortExposed: alsoTold(onlyInExamples, flag),
  runAsRoot: alsoTold(onlyInExamples, flag),
  readinessProbe: alsoTold(
    onlyInExamples,
    object({ failureThreshold: seconds, periodSeconds: seconds, successThreshold: seconds }),
  ),
  loadBalancerIP: alsoTold(onlyInType, anyText(45)),
  requestedNetworkView: alsoTold(onlyInType, () => []),
  applicationPorts: alsoTold(onlyInType, () => []),
  meshExpansionPorts: alsoTold(onlyInType, ports),
  lifecycle: alsoTold(onlyInType, anyObject),
  sds: alsoTold(onlyInType, anyObject),
} satisfies Readonly<Record<string, Check>>;

const clusterId: Check = (value, path) => {
  const findings = text('the id of a cluster', /^[^\s\p{Cc}]+$/u, 128)(value, path);
  const isPlaceholder = typeof value === 'string' && /^(<.*>|\$\{.*\})$/.test(value);
  return isPlaceholder ? [warn(path, `${shown(value)} still has to be replaced by the id of a cluster`)] : findings;
};

const overrides: Check = (value, path) => {
  if (!isFields(value)) return [fail(path, `must be a map of cluster ids, not ${shown(value)}`)];
  return Object.entries(value)
    .slice(0, clustersMax)
    .flatMap(([id, own]) => override(own, [...path, id]));
};

const clustersMax = 100;

const override: Check = (value, path) => {
  if (!isFields(value)) return [fail(path, `must be an object with fields, not ${shown(value)}`)];
  const known: Readonly<Record<string, Check>> = {
    ...overridable,
    ...overridableSince116,
    autoscaleEnabled: undescribed.autoscaleEnabled,
  };
  const names = [...Object.keys(overridable), ...Object.keys(overridableSince116)];
  return Object.entries(value).flatMap(([name, one]) => {
    if (Object.hasOwn(known, name)) return object(known)({ [name]: one }, path);
    if (!Object.hasOwn(specFields, name)) return [unknownField(path, name, names)];
    return [fail([...path, name], `is the same for all clusters; an override may have ${inWords(names)}`, true)];
  });
};

const specFields: Readonly<Record<string, Check>> = {
  ...overridable,
  ...overridableSince116,
  ...undescribed,
  gatewayType: oneOf(['ingress', 'egress']),
  clusterIds: list(clusterId, clustersMax),
  overrides,
  ports,
  loadBalancerClass: text('a class such as example.com/name', /^[A-Za-z0-9][-A-Za-z0-9_./]*$/, 317),
  externalTrafficPolicy: oneOf(['Cluster', 'Local']),
  serviceLabels: labels,
  hostNetwork: flag,
  dnsPolicy: oneOf(['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']),
  env,
  podLabels: labels,
  nodeSelector: labels,
  affinity,
  tolerations,
  rollingMaxSurge: podsOrShare(1000),
  rollingMaxUnavailable: podsOrShare(100),
  configVolumes: volumes('configMapName'),
  secretVolumes: volumes('secretName'),
  kernel,
  compression,
};

const apiMetadata: readonly string[] = [
  ...['creationTimestamp', 'deletionGracePeriodSeconds', 'deletionTimestamp', 'finalizers', 'generateName'],
  ...['generation', 'managedFields', 'ownerReferences', 'resourceVersion', 'selfLink', 'uid'],
];

const namespace: Check = (value, path) =>
  value === gatewayNamespace
    ? []
    : [fail(path, `must be ${gatewayNamespace}, not ${shown(value)}: elsewhere a gateway does not start`)];

const name: Check = (value, path) => {
  const findings = dnsLabel(value, path);
  // The Service is called istio-<name>, and a Service's name has 63 characters at most (reference C1).
  const isLong = findings.length === 0 && String(value).length > 57;
  return isLong
    ? [fail(path, 'is longer than 57 characters: the Service istio-<name> would have more than 63')]
    : findings;
};

const metadata = object(
  { name, namespace, labels, annotations, ...Object.fromEntries(apiMetadata.map((field) => [field, () => []])) },
  ['name', 'namespace'],
);

/** The form of the whole object; what the API server adds to it is taken as it is. */
export const gatewayShape: Check = object(
  {
    apiVersion: oneOf([gatewayApiVersion]),
    kind: oneOf([gatewayKind]),
    metadata,
    spec: object(specFields),
    status: () => [],
  },
  ['apiVersion', 'kind', 'metadata', 'spec'],
);

/** What may differ from cluster to cluster only from ASM 1.16 on. */
export const overridesSince116: readonly string[] = Object.keys(overridableSince116);

/** Whether the CRD reference describes a field of spec: what changing it does can then be told. */
export function isDescribed(field: string): boolean {
  return Object.hasOwn(specFields, field) && !Object.hasOwn(undescribed, field);
}

export function specOf(gateway: unknown): Readonly<Record<string, unknown>> {
  return fieldsOf(fieldsOf(gateway)['spec']);
}
