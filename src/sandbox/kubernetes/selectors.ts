import { badRequest } from './api-error.ts';
import { at, objectAt } from './json.ts';
import type { KubeObject } from './kube-object.ts';
import type { ResourceType } from './resource-types.ts';

/** Whether an object is among what a list or a watch asked for. */
export type Selector = (object: KubeObject) => boolean;

const lengthMax = 8_192;
const requirementsMax = 100;

interface Requirement {
  readonly key: string;
  readonly wants: (value: string | undefined) => boolean;
}

const setPattern = /^\s*([^\s!=,()]+)\s+(in|notin)\s*\(([^()]*)\)\s*$/;
const comparePattern = /^\s*([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)\s*$/;
const existsPattern = /^\s*(!?)\s*([^\s!=,()]+)\s*$/;

/** Parses a label selector (equality, set and existence requirements). @throws ApiError 400 */
export function labelSelector(text: string): Selector {
  const requirements = split(text).map((part) => labelRequirement(part));
  return (object) => {
    const labels = objectAt(object.metadata, 'labels');
    return requirements.every(({ key, wants }) => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
      return wants(typeof value === 'string' ? value : undefined);
    });
  };
}

function labelRequirement(text: string): Requirement {
  const set = setPattern.exec(text);
  if (set) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    const isIn = set[2] === 'in';
    return { key: set[1] ?? '', wants: (value) => (value !== undefined && values.includes(value)) === isIn };
  }
  const compared = comparePattern.exec(text);
  if (compared) {
    const isEquality = compared[2] !== '!=';
    return { key: compared[1] ?? '', wants: (value) => (value === compared[3]) === isEquality };
  }
  const exists = existsPattern.exec(text);
  if (!exists) throw badRequest(`unable to parse requirement: found ${JSON.stringify(text)}, expected: a requirement`);
  return { key: exists[2] ?? '', wants: (value) => (value === undefined) === (exists[1] === '!') };
}

const fieldsOfAll = ['metadata.name', 'metadata.namespace'];

/** The field labels that each kind answers besides name and namespace (k8s.io/kubernetes/pkg/apis/.../conversion.go). */
const fieldsByKind: Readonly<Record<string, readonly string[]>> = {
  Event: [
    ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
      (field) => `involvedObject.${field}`,
    ),
    ...['type', 'reason', 'reportingComponent', 'source'],
  ],
  Pod: ['spec.nodeName', 'spec.restartPolicy', 'spec.serviceAccountName', 'status.phase', 'status.podIP'],
  Node: ['spec.unschedulable'],
  Namespace: ['status.phase'],
  Secret: ['type'],
  Service: ['spec.clusterIP', 'spec.type'],
};

/** Parses a field selector of `type`; unknown fields are refused as the API server does. @throws ApiError 400 */
export function fieldSelector(type: ResourceType, text: string): Selector {
  const known = [...fieldsOfAll, ...(fieldsByKind[type.kind] ?? [])];
  const terms = split(text).map((part) => {
    const found = /^([^=!]+)(==|=|!=)(.*)$/.exec(part.trim());
    if (!found) throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
    const [, field = '', operator, value = ''] = found;
    if (!known.includes(field)) throw badRequest(`field label not supported: ${field}`);
    return { path: fieldPath(type, field), isEquality: operator !== '!=', value };
  });
  return (object) =>
    terms.every(({ path, isEquality, value }) => (String(at(object, ...path) ?? '') === value) === isEquality);
}

function fieldPath(type: ResourceType, field: string): readonly string[] {
  if (type.kind === 'Event' && field === 'source') return ['source', 'component'];
  return field.split('.');
}

/** Commas separate requirements, but not inside the brackets of a set. */
function split(text: string): readonly string[] {
  if (text.length > lengthMax) throw badRequest(`a selector has at most ${lengthMax} characters`);
  const parts = text.split(/,(?![^()]*\))/).filter((part) => part.trim() !== '');
  if (parts.length > requirementsMax) throw badRequest(`a selector has at most ${requirementsMax} requirements`);
  return parts;
}
