import type { V1Service } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import {
  annotationsFor,
  appliedKey,
  type CopyRules,
  type IstioGateway,
  newService,
  servicePatch,
} from '../../../src/sandbox/controllers/gateway-service.ts';

const rules: CopyRules = { overrides: 'replace', revertsEdits: true };
const weight = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-weight';

function gateway(annotations: Readonly<Record<string, string>>, spec: object = {}): IstioGateway {
  return {
    metadata: { name: 'ingressgateway-asm', namespace: 'istio-system' },
    spec: {
      clusterIds: ['c1'],
      externalTrafficPolicy: 'Local',
      ports: [
        { name: 'http2', port: 80, targetPort: 8080 },
        { name: 'https', port: 443, targetPort: 0, protocol: 'HTTPS' },
      ],
      serviceAnnotations: annotations,
      ...spec,
    },
  };
}

/** The Service after the API server gave it node ports and others wrote to it. */
function lived(service: V1Service, annotations: Readonly<Record<string, string>> = {}): V1Service {
  const ports = service.spec?.ports?.map((port, index) => ({ ...port, nodePort: 31_000 + index })) ?? [];
  return {
    ...service,
    metadata: { ...service.metadata, annotations: { ...service.metadata?.annotations, ...annotations } },
    spec: { ...service.spec, ports, clusterIP: '172.21.0.9' },
  };
}

const annotationsOf = (patch: object | null): unknown =>
  (patch as { metadata?: { annotations?: unknown } } | null)?.metadata?.annotations;

describe('the Service that the ASM controller makes of a gateway', () => {
  it('is called istio-<name> and selects the pods of the gateway', () => {
    const service = newService(gateway({ [weight]: '0' }), 'c1', rules);
    const labels = {
      app: 'istio-ingressgateway-asm',
      'asm-system': 'true',
      istio: 'ingressgateway-asm',
      provider: 'asm',
    };
    expect(service.metadata).toMatchObject({ name: 'istio-ingressgateway-asm', namespace: 'istio-system', labels });
    expect(service.metadata?.annotations?.[weight]).toBe('0');
    expect(service.spec).toMatchObject({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', selector: labels });
  });

  it('speaks TCP, and a target port of 0 means the same port', () => {
    expect(newService(gateway({}), 'c1', rules).spec?.ports).toEqual([
      { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' },
      { name: 'https', port: 443, targetPort: 443, protocol: 'TCP' },
    ]);
  });
});

describe('a copy to a Service that is there', () => {
  const before = gateway({ [weight]: '0', mine: 'x' });
  const service = lived(newService(before, 'c1', rules), { theirs: 'kept' });

  it('writes nothing when nothing differs', () => {
    expect(servicePatch(before, 'c1', service, rules)).toBeNull();
  });

  it('writes only what changed, and keeps the node ports', () => {
    const patch = servicePatch(gateway({ [weight]: '10', mine: 'x' }), 'c1', service, rules);
    expect(patch).toEqual({
      metadata: { annotations: { [weight]: '10', [appliedKey]: expect.any(String) }, labels: {} },
      spec: {},
    });
    const ports = servicePatch(
      gateway({ [weight]: '0', mine: 'x' }, { ports: [{ name: 'http2', port: 80, targetPort: 9090 }] }),
      'c1',
      service,
      rules,
    );
    expect(ports).toMatchObject({ spec: { ports: [{ port: 80, targetPort: 9090, nodePort: 31_000 }] } });
  });

  it('takes away what it had set and the gateway no longer says, and nothing of others', () => {
    const annotations = annotationsOf(servicePatch(gateway({ [weight]: '0' }), 'c1', service, rules));
    expect(annotations).toMatchObject({ mine: null });
    expect(annotations).not.toHaveProperty('theirs');
  });

  it.each([
    [true, { [weight]: '0' }],
    [false, undefined],
  ])('puts an edited weight back: %s', (revertsEdits, expected) => {
    const edited = lived(service, { [weight]: '77' });
    expect(annotationsOf(servicePatch(before, 'c1', edited, { ...rules, revertsEdits }))).toEqual(expected);
  });

  it('brings a change of the gateway over an edit, whatever the rule', () => {
    const edited = lived(service, { [weight]: '77' });
    const patch = servicePatch(gateway({ [weight]: '10', mine: 'x' }), 'c1', edited, { ...rules, revertsEdits: false });
    expect(annotationsOf(patch)).toMatchObject({ [weight]: '10' });
  });
});

describe('overrides of a cluster', () => {
  const spec = {
    serviceAnnotations: { a: '1', b: '2' },
    overrides: { c1: { serviceAnnotations: { b: '3' } }, c2: { serviceType: 'NodePort' } },
  };

  it.each([
    ['replace', 'c1', { b: '3' }],
    ['merge', 'c1', { a: '1', b: '3' }],
    ['replace', 'c2', { a: '1', b: '2' }],
    ['replace', 'c3', { a: '1', b: '2' }],
  ] as const)('with %s, cluster %s gets %j', (overrides, cluster, expected) => {
    expect(annotationsFor(spec, cluster, { ...rules, overrides })).toEqual(expected);
  });
});
