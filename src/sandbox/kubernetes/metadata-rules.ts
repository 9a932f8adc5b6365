import type { Cause } from './api-error.ts';
import { invalidValue, required, tooLong } from './causes.ts';
import { isList, type JsonObject, objectAt, textAt } from './json.ts';
import type { ResourceType } from './resource-types.ts';

/** The limit over all keys and values (apimachinery/pkg/api/validation/objectmeta.go, TotalAnnotationSizeLimitB). */
const annotationsBytesMax = 262_144;

const subdomainPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const namePartPattern = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelValuePattern = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

interface NameRule {
  readonly pattern: RegExp;
  readonly lengthMax: number;
  readonly why: string;
}

const subdomain: NameRule = {
  pattern: subdomainPattern,
  lengthMax: 253,
  why: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
};

const namesByKind: Readonly<Record<string, NameRule>> = {
  Service: {
    pattern: /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
    lengthMax: 63,
    why: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
  },
  Namespace: {
    pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    lengthMax: 63,
    why: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  },
};

const namePartWhy =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const labelValueWhy =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** What is wrong with name, labels, annotations and finalizers of an object whose shape is right. */
export function metadataCauses(type: ResourceType, object: JsonObject): readonly Cause[] {
  const metadata = objectAt(object, 'metadata');
  const finalizers = isList(metadata['finalizers']) ? metadata['finalizers'] : [];
  return [
    ...nameCauses(type, textAt(metadata, 'name')),
    ...labelCauses(objectAt(metadata, 'labels')),
    ...annotationCauses(objectAt(metadata, 'annotations')),
    ...finalizers.flatMap((finalizer) => keyCauses('metadata.finalizers', String(finalizer))),
  ];
}

function nameCauses(type: ResourceType, name: string): readonly Cause[] {
  if (name === '') return [required('metadata.name', 'name or generateName is required')];
  const rule = namesByKind[type.kind] ?? subdomain;
  if (name.length > rule.lengthMax) {
    return [invalidValue('metadata.name', name, `must be no more than ${rule.lengthMax} characters`)];
  }
  return rule.pattern.test(name) ? [] : [invalidValue('metadata.name', name, rule.why)];
}

function labelCauses(labels: JsonObject): readonly Cause[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    const text = String(value);
    const causes = keyCauses('metadata.labels', key);
    if (text.length > 63)
      return [...causes, invalidValue('metadata.labels', text, 'must be no more than 63 characters')];
    return labelValuePattern.test(text) ? causes : [...causes, invalidValue('metadata.labels', text, labelValueWhy)];
  });
}

function annotationCauses(annotations: JsonObject): readonly Cause[] {
  const causes = Object.keys(annotations).flatMap((key) => keyCauses('metadata.annotations', key.toLowerCase()));
  const bytes = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(String(value)),
    0,
  );
  return bytes > annotationsBytesMax ? [...causes, tooLong('metadata.annotations', annotationsBytesMax)] : causes;
}

/** A qualified name: an optional DNS prefix, a slash, a name part. */
function keyCauses(field: string, key: string): readonly Cause[] {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  if (parts.length > 2) return [invalidValue(field, key, `a qualified name ${namePartWhy.slice('name part '.length)}`)];
  const causes: Cause[] = [];
  if (parts.length === 2 && parts[0] === '') causes.push(invalidValue(field, key, 'prefix part must be non-empty'));
  else if (parts.length === 2 && (parts[0] ?? '').length > subdomain.lengthMax) {
    causes.push(invalidValue(field, key.slice(0, 300), 'prefix part must be no more than 253 characters'));
  } else if (parts.length === 2 && !subdomainPattern.test(parts[0] ?? '')) {
    causes.push(invalidValue(field, key, `prefix part ${subdomain.why}`));
  }
  if (name === '') causes.push(invalidValue(field, key, 'name part must be non-empty'));
  else if (name.length > 63) causes.push(invalidValue(field, key, 'name part must be no more than 63 characters'));
  else if (!namePartPattern.test(name)) causes.push(invalidValue(field, key, namePartWhy));
  return causes;
}
