import { type Annotations, annotationKey, parseWeight, readAnnotation, spellings } from '../annotations.ts';
import { type AsmVersion, isBefore116 } from './asm-version.ts';
import { repeats } from './checks.ts';
import { type Fields, type Finding, fail, fieldsOf, isFields, listOf, type Place, shown, warn } from './finding.ts';
import { textAt } from './parts.ts';
import { overridesSince116, serverlessKey } from './shape.ts';

/**
 * Rules over several fields of an IstioGateway. Each reads what has the right type and leaves the rest to the shape, so
 * that a person gets all findings in one go. A null version is the newest.
 */
export function brokenRules(metadata: Fields, spec: Fields, version: AsmVersion | null): readonly Finding[] {
  const at: Place = ['spec'];
  return [
    ...clusterRules(spec, isServerless(metadata), version),
    ...networkRules(spec),
    ...scalingRules(spec, at),
    ...rolloutRules(spec),
    ...volumeRules(spec),
    ...labelRules(textAt(metadata, 'name'), spec),
    ...clbRules(spec, at),
    ...Object.entries(fieldsOf(spec['overrides'])).flatMap(([id, own]) => {
      const inside: Place = [...at, 'overrides', id];
      const { minReplicas, maxReplicas } = spec;
      const hasOwn = fieldsOf(own)['minReplicas'] !== undefined || fieldsOf(own)['maxReplicas'] !== undefined;
      return [
        ...(hasOwn ? scalingRules({ minReplicas, maxReplicas, ...fieldsOf(own) }, inside) : []),
        ...clbRules(fieldsOf(own), inside),
      ];
    }),
  ];
}

/** Its pods run in no cluster of the user's, so it needs to name none. */
function isServerless(metadata: Fields): boolean {
  return textAt(metadata['annotations'], serverlessKey) === 'true';
}

function clusterRules(spec: Fields, isManaged: boolean, version: AsmVersion | null): readonly Finding[] {
  const ids = listOf(spec['clusterIds']);
  const overrides = Object.entries(fieldsOf(spec['overrides']));
  const [first] = overrides;
  return [
    ...(ids.length === 0 && !isManaged
      ? [warn(['spec', 'clusterIds'], 'names no cluster; where the gateway then runs is not described')]
      : []),
    ...repeats(ids, ['spec', 'clusterIds'], (id) => (typeof id === 'string' ? id : null), null),
    ...overrides
      .filter(([id]) => !ids.some((one) => String(one) === id))
      .map(([id]) => fail(['spec', 'overrides', id], `${shown(id)} is not one of spec.clusterIds`, true)),
    ...(first !== undefined && ids.length === 1
      ? [warn(['spec', 'overrides'], 'is meant for two clusters or more; with one, set the fields themselves', true)]
      : []),
    ...(version === null || !isBefore116(version) ? [] : overrides.flatMap(tooNew)),
  ];
}

function tooNew([id, own]: readonly [string, unknown]): readonly Finding[] {
  return overridesSince116
    .filter((field) => fieldsOf(own)[field] !== undefined)
    .map((field) => fail(['spec', 'overrides', id, field], 'can be set per cluster from ASM 1.16 on', true));
}

function networkRules(spec: Fields): readonly Finding[] {
  const { serviceType = 'LoadBalancer', gatewayType = 'ingress' } = spec;
  const isBalanced = serviceType === 'LoadBalancer';
  const isEgress = gatewayType === 'egress';
  const has = (field: string) => spec[field] !== undefined && spec[field] !== null;
  return [
    ...(has('loadBalancerClass') && !isBalanced
      ? [fail(['spec', 'loadBalancerClass'], `needs serviceType LoadBalancer, not ${shown(serviceType)}`, true)]
      : []),
    ...(has('serviceAnnotations') && !isBalanced
      ? [warn(['spec', 'serviceAnnotations'], `has no effect with serviceType ${shown(serviceType)}`, true)]
      : []),
    ...(has('externalTrafficPolicy') && isEgress
      ? [warn(['spec', 'externalTrafficPolicy'], 'has no effect: it is for ingress gateways', true)]
      : []),
    ...(has('compression') && isEgress ? [fail(['spec', 'compression'], 'is for ingress gateways only', true)] : []),
    ...(listOf(spec['ports']).length === 0 ? [warn(['spec', 'ports'], 'names no port')] : []),
  ];
}

function scalingRules({ minReplicas, maxReplicas, replicaCount }: Fields, path: Place): readonly Finding[] {
  const isCrossed = typeof minReplicas === 'number' && typeof maxReplicas === 'number' && minReplicas > maxReplicas;
  return [
    ...(isCrossed ? [fail([...path, 'minReplicas'], `${minReplicas} is more than maxReplicas, ${maxReplicas}`)] : []),
    ...(replicaCount === 0 ? [warn([...path, 'replicaCount'], '0: no pod of the gateway runs')] : []),
  ];
}

function rolloutRules({ rollingMaxSurge, rollingMaxUnavailable }: Fields): readonly Finding[] {
  const isZero = (value: unknown) => /^0+%?$/.test(String(value ?? ''));
  return isZero(rollingMaxSurge) && isZero(rollingMaxUnavailable)
    ? [fail(['spec', 'rollingMaxUnavailable'], 'cannot be 0 where rollingMaxSurge is: no pod could be replaced')]
    : [];
}

function volumeRules(spec: Fields): readonly Finding[] {
  return ['name', 'mountPath'].flatMap((field) => {
    const seen = new Set<string>();
    return ['configVolumes', 'secretVolumes'].flatMap((list) =>
      listOf(spec[list]).flatMap((entry, index) => {
        const value = textAt(entry, field);
        if (value === null || !seen.has(value)) {
          if (value !== null) seen.add(value);
          return [];
        }
        return [fail(['spec', list, index, field], `${shown(value)} is the ${field} of another volume already`)];
      }),
    );
  });
}

/** The labels by which the generated Service finds the gateway's pods (reference C1). */
export function podLabelsOf(gateway: string): Readonly<Record<string, string>> {
  return { app: `istio-${gateway}`, 'asm-system': 'true', istio: gateway, provider: 'asm' };
}

function labelRules(name: string | null, spec: Fields): readonly Finding[] {
  if (name === null) return [];
  return Object.entries(podLabelsOf(name))
    .filter(([key, value]) => ![undefined, value].includes(textAt(spec['podLabels'], key) ?? undefined))
    .map(([key, value]) =>
      warn(['spec', 'podLabels', key], `the gateway’s Service selects its pods by ${key}=${value}`),
    );
}

/** What the cloud controller makes of the annotations that share a CLB (reference A1, A4, A5, A11, E10). */
function clbRules(part: Fields, path: Place): readonly Finding[] {
  const annotations = isFields(part['serviceAnnotations']) ? part['serviceAnnotations'] : {};
  const texts = Object.entries(annotations).filter(([, value]) => typeof value === 'string');
  const read: Annotations = Object.fromEntries(texts) as Annotations;
  const at = (suffix: Parameters<typeof spellings>[0]): Place => [
    ...path,
    'serviceAnnotations',
    spellings(suffix).find((key) => read[key] !== undefined) ?? annotationKey(suffix),
  ];
  const weight = readAnnotation(read, 'weight');
  const groups = readAnnotation(read, 'vgroup-port') ?? '';
  const isShared = (readAnnotation(read, 'id') ?? '') !== '';
  const force = readAnnotation(read, 'force-override-listeners');
  return [
    ...(weight !== null && weight !== '' && parseWeight(weight) === null
      ? [fail(at('weight'), `${shown(weight)} is no weight from 0 to 100: it may take the gateway out of the CLB`)]
      : []),
    ...(/\s/.test(groups)
      ? [
          warn(
            at('vgroup-port'),
            'has a space, which becomes part of a group’s id or of a port: nothing is synced there',
          ),
        ]
      : []),
    ...(isShared && force !== 'false'
      ? [
          warn(
            force === null ? [...path, 'serviceAnnotations', annotationKey('id')] : at('force-override-listeners'),
            `shares a CLB without ${annotationKey('force-override-listeners')}: "false": its listeners may be overwritten`,
            force === null,
          ),
        ]
      : []),
  ];
}
