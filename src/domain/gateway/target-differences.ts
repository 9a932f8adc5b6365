import { type AnnotationSuffix, type Annotations, readAnnotation } from '../annotations.ts';
import { fieldsOf, isFields, listOf, type Place } from './finding.ts';
import { parseQuantity } from './quantity.ts';
import { specOf } from './shape.ts';
import type { Manifest } from './target-manifest.ts';

/** Where an object that is there already says something else than the one that would have been made. */
export interface TargetDifference {
  readonly path: Place;
  readonly found: unknown;
  readonly wanted: unknown;
  /** Without it the object is no side of the migration. */
  readonly isNeeded: boolean;
}

const shareSuffixes: readonly AnnotationSuffix[] = ['id', 'vgroup-port', 'force-override-listeners'];

/** What an existing IstioGateway lacks of the wanted one; what it has beyond is its own affair. */
export function gatewayDifferences(existing: unknown, wanted: Manifest): readonly TargetDifference[] {
  const clusterIds = listOf(wanted.spec['clusterIds']);
  const { serviceAnnotations: _, overrides: __, ...rest } = wanted.spec;
  return [
    ...clusterIds.flatMap((id) => {
      const cluster = String(id);
      const place: Place = ['spec', 'serviceAnnotations', cluster];
      return annotationDifferences(effective(specOf(existing), cluster), effective(wanted.spec, cluster), place);
    }),
    ...lacking(specOf(existing), rest, ['spec']),
  ];
}

/** The same for a Service that shares a further CLB. */
export function serviceDifferences(existing: unknown, wanted: Manifest): readonly TargetDifference[] {
  const { ports, selector, externalTrafficPolicy, type } = wanted.spec;
  const found = textsOf(fieldsOf(fieldsOf(existing)['metadata'])['annotations']);
  return [
    ...annotationDifferences(found, wanted.metadata.annotations ?? {}, ['metadata', 'annotations']),
    ...lacking(specOf(existing), { type, selector, ports, externalTrafficPolicy }, ['spec']),
  ];
}

/** A cluster with annotations of its own is assumed to read those alone (reference C2). */
export function effective(spec: Readonly<Record<string, unknown>>, clusterId: string): Annotations {
  const own = fieldsOf(fieldsOf(spec['overrides'])[clusterId])['serviceAnnotations'];
  return textsOf(own ?? spec['serviceAnnotations']);
}

function textsOf(value: unknown): Annotations {
  return Object.fromEntries(
    Object.entries(fieldsOf(value)).flatMap(([key, text]) => (typeof text === 'string' ? [[key, text] as const] : [])),
  );
}

/** The weight is left out: it is what a migration changes. */
function annotationDifferences(found: Annotations, wanted: Annotations, path: Place): readonly TargetDifference[] {
  return [
    ...shareSuffixes.map((suffix) => ({ suffix, isNeeded: true })),
    { suffix: 'address-type' as const, isNeeded: false },
  ].flatMap(({ suffix, isNeeded }) => {
    const [now, then] = [readAnnotation(found, suffix), readAnnotation(wanted, suffix)];
    return now === then || then === null
      ? []
      : [{ path: [...path, suffix], found: now ?? undefined, wanted: then, isNeeded }];
  });
}

const needed: readonly string[] = ['clusterIds', 'serviceType', 'type', 'selector'];

function lacking(found: unknown, wanted: unknown, path: Place): readonly TargetDifference[] {
  const field = String(path[1] ?? '');
  const difference = { path, found, wanted, isNeeded: needed.includes(field) };
  if (field === 'ports' && Array.isArray(wanted)) return lackingPorts(listOf(found), wanted, path);
  if (field === 'clusterIds') {
    const missing = listOf(wanted).filter((id) => !listOf(found).includes(id));
    return missing.length === 0 ? [] : [{ ...difference, wanted: missing }];
  }
  if (isFields(wanted)) {
    return Object.entries(wanted).flatMap(([key, value]) => lacking(fieldsOf(found)[key], value, [...path, key]));
  }
  return found === wanted || isSameQuantity(found, wanted) ? [] : [difference];
}

/** A port that is missing goes dark; where it leads to inside may be another matter. */
function lackingPorts(found: readonly unknown[], wanted: readonly unknown[], path: Place): readonly TargetDifference[] {
  return wanted.flatMap((port): readonly TargetDifference[] => {
    const { port: number, targetPort } = fieldsOf(port);
    const twin = found.find((one) => fieldsOf(one)['port'] === number);
    if (twin === undefined)
      return [{ path: [...path, Number(number)], found: undefined, wanted: number, isNeeded: true }];
    const leadsTo = fieldsOf(twin)['targetPort'] ?? number;
    const at = [...path, Number(number), 'targetPort'];
    return leadsTo === targetPort ? [] : [{ path: at, found: leadsTo, wanted: targetPort, isNeeded: false }];
  });
}

function isSameQuantity(found: unknown, wanted: unknown): boolean {
  const quantity = parseQuantity(wanted);
  return quantity !== null && parseQuantity(found) === quantity;
}
