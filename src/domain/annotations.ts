/** Annotation names of the cloud controller and how it reads them (reference A1, A4; pkg/controller/service/reconcile/annotation). */
const prefix = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-';
const legacyPrefix = 'service.beta.kubernetes.io/alicloud-loadbalancer-';

export type AnnotationSuffix =
  | 'id'
  | 'vgroup-port'
  | 'weight'
  | 'force-override-listeners'
  | 'address-type'
  | 'ip-version'
  | 'resource-group-id';

export function annotationKey(suffix: AnnotationSuffix): string {
  return prefix + suffix;
}

function legacyAnnotationKey(suffix: AnnotationSuffix): string {
  return legacyPrefix + suffix;
}

/** Both keys of an annotation, the one that wins first. */
export function spellings(suffix: AnnotationSuffix): readonly string[] {
  return [annotationKey(suffix), legacyAnnotationKey(suffix)];
}

export type Annotations = Readonly<Record<string, string>>;

/** The new spelling wins if the key is there at all, even with an empty value; a missing value reads as null. */
export function readAnnotation(annotations: Annotations, suffix: AnnotationSuffix): string | null {
  return annotations[annotationKey(suffix)] ?? annotations[legacyAnnotationKey(suffix)] ?? null;
}

/** The spelling that the controller reads now, so that a write never leaves two spellings that disagree. */
export function keyInUse(annotations: Annotations, suffix: AnnotationSuffix): string {
  const key = annotationKey(suffix);
  const legacy = legacyAnnotationKey(suffix);
  return annotations[key] === undefined && annotations[legacy] !== undefined ? legacy : key;
}

/** A weight that both controller versions accept; anything else takes the side's backends out of the CLB silently (A11). */
export function parseWeight(text: string): number | null {
  return /^(100|[1-9]?\d)$/.test(text) ? Number(text) : null;
}

export interface VgroupPort {
  readonly port: string;
  readonly group: string;
}

/** Splits `rsp-a:80,rsp-b:443` as the controller does: without trimming, so a space stays part of the id or the port. */
export function parseVgroupPort(text: string): readonly VgroupPort[] | null {
  const pairs: VgroupPort[] = [];
  for (const pair of text.split(',')) {
    const [group, port] = pair.split(':');
    if (group === undefined || port === undefined) return null;
    pairs.push({ group, port });
  }
  return pairs;
}

/** Beside the weight: the highest record revision that wrote the object (rule 6). */
export const fenceKey = 'sluice.dev/fence';

/** Beside the fence: what was true just before the newest write, as JSON. */
export const markKey = 'sluice.dev/written';

/**
 * On a Service, or where the ASM controller copies it from: its value is of no meaning to any controller, but a change
 * of any annotation makes the cloud controller reconcile the Service (reference A8). It says nothing of weights, so it
 * stays at the end: taking it away would be one more reconcile of a front door that is as it should be.
 */
export const nudgeKey = 'sluice.dev/nudge';
