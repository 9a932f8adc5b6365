import { differencesOfSide } from '../../domain/agreement.ts';
import { keyInUse, readAnnotation } from '../../domain/annotations.ts';
import { readingOf, type ServiceReading, syncFailure } from '../../domain/observation.ts';
import { type Side, sides } from '../../domain/spec.ts';
import type { ServiceSurvey } from '../../domain/survey.ts';
import { bad, type Check, kindOf, pass } from './check.ts';
import { annotate } from './commands.ts';
import { isSame, type RouteLook, serviceName, surveyed } from './look.ts';

const serviceType = kindOf({
  id: 'service-type',
  rows: ['E28'],
  asks: 'both Services are ones that the cloud controller attaches to a Classic Load Balancer',
  why: 'a Service of another type or class is not looked at, and one whose type is changed loses what it has there',
  says: ['fail'],
});
const serverless = kindOf({
  id: 'serverless-gateway',
  rows: [],
  asks: "the target's pods run in a cluster of yours",
  why: 'whether the Service of a serverless gateway (managed-by-asm) can share a load balancer is not documented',
  says: ['fail'],
});
const selectors = kindOf({
  id: 'selectors',
  rows: [],
  asks: 'neither Service picks pods of the other side',
  why: 'pods behind both Services answer for both sides: the weights mean nothing, and a rollback ends at the pods that failed. An IstioGateway called `ingressgateway` claims the source’s own Service',
  says: ['fail'],
});
const address = kindOf({
  id: 'address-type',
  rows: ['E22'],
  asks: 'what the Services say of the load balancer (address-type, ip-version, resource-group-id) is what it is',
  why: 'the cloud controller cannot change it and fails at every reconcile: no weight would arrive',
  says: ['fail'],
});
const clientAddress = kindOf({
  id: 'client-address',
  rows: ['E35'],
  asks: 'both sides see the same client address',
  why: 'with pods as backends or policy Local a gateway sees who calls, with policy Cluster only a node: limits, lists and logs by address differ between the sides',
  says: ['warn'],
});
const istioApi = kindOf({
  id: 'istio-api',
  rows: ['E31'],
  asks: "no cluster hands the API of Istio's objects on to the mesh",
  why: "with KubeAPI access to Istio resources on, the self-managed istiod reads ASM's objects: the source's gateway would serve the target's configuration",
  says: ['fail', 'unknown'],
});
const weightOwner = kindOf({
  id: 'weight-owner',
  rows: ['E26'],
  asks: 'no program that keeps objects as they are in a repository owns the weights',
  why: 'it puts its own weight back over every step, in the middle of the migration',
  says: ['warn'],
});
const warnings = kindOf({
  id: 'controller-warning',
  rows: ['E4', 'E21', 'E24'],
  asks: 'the cloud controller has not warned about the Services lately',
  why: 'a backend that it cannot resolve, or a load balancer that others write to, keeps it from writing weights (an old warning may be settled)',
  says: ['warn'],
});

export const serviceKinds = [
  serviceType,
  serverless,
  selectors,
  address,
  clientAddress,
  istioApi,
  weightOwner,
  warnings,
];

/** What the Services of both sides are, beside their annotations for the route. */
export function serviceChecks(look: RouteLook): readonly Check[] {
  const { source, target } = look.observation;
  return [
    ...surveyed(look).map(({ service }) => typeCheck(service)),
    serverlessCheck(look),
    selectorCheck(look),
    ...surveyed(look).flatMap(({ side, service }) => addressChecks(look, side, service)),
    clientAddressCheck(look),
    ...istioApiChecks(look),
    ...[source, target].map((side, index) => ownerCheck(index === 0 ? 'source' : 'target', side)),
    ...sides.flatMap((side) => readingOf(look.observation, side).services.map((one) => warningCheck(look, side, one))),
  ];
}

const classKey = 'service.beta.kubernetes.io/class';
const tunnelKey = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-tunnel-type';

/** @source reference A3 */
function typeCheck(service: ServiceSurvey): Check {
  const name = serviceName(service);
  const [field, value] = foreignTo(service) ?? ['spec.type', 'LoadBalancer'];
  const at = { object: name, field, value };
  if (foreignTo(service) === null) return pass(serviceType, `${name} is one of the CLB's`, at);
  return bad(serviceType, 'fail', `${name}: ${field} is "${value}", so it has no Classic Load Balancer`, { at });
}

function foreignTo({ type, loadBalancerClass, annotations }: ServiceSurvey): readonly [string, string] | null {
  if (type !== 'LoadBalancer') return ['spec.type', type];
  if (loadBalancerClass !== null) return ['spec.loadBalancerClass', loadBalancerClass];
  const key = [classKey, tunnelKey].find((one) => annotations[one] !== undefined);
  return key === undefined ? null : [`metadata.annotations ${key}`, annotations[key] ?? ''];
}

function serverlessCheck({ survey }: RouteLook): Check {
  const { gateway } = survey.target;
  if (gateway?.isServerless !== true) return pass(serverless, 'the target runs in your clusters');
  const object = `IstioGateway ${gateway.namespace}/${gateway.name}`;
  const at = { object, field: 'metadata.annotations asm.alibabacloud.com/managed-by-asm', value: 'true' };
  return bad(serverless, 'fail', `${object} is serverless: take one that runs in your clusters`, { at });
}

function selectorCheck({ observation, survey }: RouteLook): Check {
  for (const one of survey.source.services) {
    for (const other of survey.target.services) {
      if (one.cluster !== other.cluster || one.namespace !== other.namespace) continue;
      const at = {
        object: serviceName(one),
        field: 'spec.selector',
        value: Object.entries(one.selector)
          .map(([key, value]) => `${key}=${value}`)
          .join(','),
      };
      if (one.name === other.name) {
        const found = `${serviceName(one)} is that of both sides: give the target's gateway another name`;
        return bad(selectors, 'fail', found, { at });
      }
      const reason = collisionOf(one, other) ?? sharedPod(observation, one, other);
      if (reason === null) continue;
      const found = `${serviceName(one)} and ${serviceName(other)} pick the same pods (${reason}): give one of them a selector of its own`;
      return bad(selectors, 'fail', found, { at });
    }
  }
  return pass(selectors, 'neither Service picks pods of the other side');
}

function collisionOf(one: ServiceSurvey, other: ServiceSurvey): string | null {
  const covers = (wide: ServiceSurvey, narrow: ServiceSurvey): boolean => {
    const labels = Object.entries(wide.selector);
    return labels.length > 0 && labels.every(([key, value]) => narrow.selector[key] === value);
  };
  if (covers(one, other) || covers(other, one)) return "one's selector is part of the other's";
  const workloads = (service: ServiceSurvey) => ('missing' in service.workloads ? [] : service.workloads.value);
  const common = workloads(one).find((name) => workloads(other).includes(name));
  return common === undefined ? null : `Deployment ${common}`;
}

function sharedPod(
  { source, target }: RouteLook['observation'],
  one: ServiceSurvey,
  other: ServiceSurvey,
): string | null {
  const podsOf = (services: readonly ServiceReading[], service: ServiceSurvey) =>
    services.find((each) => isSame(each, service))?.endpoints.map((endpoint) => endpoint.address) ?? [];
  const pods = podsOf(target.services, other);
  return podsOf(source.services, one).find((pod) => pods.includes(pod)) ?? null;
}

function addressChecks({ observation, loadBalancer }: RouteLook, side: Side, service: ServiceSurvey): readonly Check[] {
  if (loadBalancer === null) return [];
  const is = {
    'address-type': loadBalancer.addressType,
    'ip-version': loadBalancer.ipVersion,
    'resource-group-id': loadBalancer.resourceGroupId,
  } as const;
  const name = serviceName(service);
  const wrong = (['address-type', 'ip-version', 'resource-group-id'] as const).flatMap((suffix) => {
    const said = readAnnotation(service.annotations, suffix) ?? '';
    // What is not said, or not told, is no contradiction.
    if (said === '' || is[suffix] === '' || said.toLowerCase() === is[suffix].toLowerCase()) return [];
    const found = `${name}: ${suffix} is "${said}", and ${loadBalancer.id} is ${is[suffix]}`;
    const at = { object: name, field: keyInUse(service.annotations, suffix), value: said };
    const remedy = annotate(observation.route, side, service, at.field, is[suffix]);
    return [bad(address, 'fail', found, { at, remedy })];
  });
  return wrong.length > 0 ? wrong : [pass(address, `${name} says of ${loadBalancer.id} what it is`)];
}

function clientAddressCheck({ observation, survey }: RouteLook): Check {
  const seen = (side: Side) =>
    survey[side].services.map((service) => {
      const mode = observation[side].services.find((one) => isSame(one, service))?.mode;
      return mode === 'eni' || service.externalTrafficPolicy === 'Local';
    });
  const [ofSource, ofTarget] = [seen('source'), seen('target')];
  const isOdd = ofSource.some((one) => ofTarget.some((other) => one !== other));
  if (!isOdd) return pass(clientAddress, 'both sides see the same client address');
  const [sees, misses] = ofSource.every(Boolean) ? ['source', 'target'] : ['target', 'source'];
  const found = `the ${sees} sees the address of a client and the ${misses} only that of a node (backend type or externalTrafficPolicy)`;
  return bad(clientAddress, 'warn', found);
}

function istioApiChecks(look: RouteLook): readonly Check[] {
  const checks = surveyed(look).map(({ service }) => istioApiCheck(service));
  // Both Services of one cluster say the same.
  return [...new Map(checks.map((one) => [one.found, one])).values()];
}

function istioApiCheck({ cluster, istioApi: told }: ServiceSurvey): Check {
  if ('missing' in told) {
    return bad(istioApi, 'unknown', `whether the API of Istio's objects is handed on cannot be told: ${told.missing}`);
  }
  if (told.value === null) return pass(istioApi, `cluster ${cluster} serves Istio's objects itself`);
  const found = `cluster ${cluster} hands networking.istio.io on to ${told.value}: turn off KubeAPI access to Istio resources`;
  const at = { object: 'APIService of networking.istio.io', field: 'spec.service', value: told.value };
  return bad(istioApi, 'fail', found, { at });
}

const keepers = /argocd|argo-cd|kustomize-controller|helm-controller|flux|terraform|pulumi|crossplane|fleet/i;
const keeperKeys = ['argocd.argoproj.io/tracking-id', 'argocd.argoproj.io/instance'] as const;

function ownerCheck(side: Side, { carrier, services }: RouteLook['observation']['source']): Check {
  const writer = carrier?.writtenBy ?? '';
  const tracked = services.flatMap(({ annotations }) => keeperKeys.filter((key) => annotations?.[key] !== undefined));
  const [key] = tracked;
  if (!keepers.test(writer) && key === undefined) return pass(weightOwner, `no such program owns the ${side}'s weight`);
  const found =
    key === undefined
      ? `${writer} wrote the weight of the ${side} last, and may put it back: let it ignore the annotation while the migration runs`
      : `the Service of the ${side} is kept by Argo CD (${key}): let it ignore the weight annotation while the migration runs`;
  const field = key === undefined ? 'metadata.managedFields' : `metadata.annotations ${key}`;
  return bad(weightOwner, 'warn', found, { at: { object: `the ${side}`, field, value: key ?? writer } });
}

function warningCheck({ observation }: RouteLook, side: Side, service: ServiceReading): Check {
  const name = serviceName(service);
  const { warning } = service;
  // A failed reconcile is tried again: where the CLB has what the annotations say, it went well in the end.
  const { carrier } = readingOf(observation, side);
  const isSettled = carrier !== null && differencesOfSide(observation, side, carrier).length === 0;
  if (warning === null || (warning.reason === syncFailure && isSettled)) {
    return pass(warnings, `no warning about ${name} that is not settled`);
  }
  const at = { object: `Event of ${name}`, field: 'reason', value: warning.reason };
  return bad(warnings, 'warn', `${name}: ${warning.reason} at ${toTime(warning.atMs)}: ${warning.message}`, { at });
}

function toTime(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19).concat('Z');
}
