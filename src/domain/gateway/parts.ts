import {
  and,
  anyObject,
  anyText,
  flag,
  int32Max,
  inWords,
  list,
  map,
  object,
  oneOf,
  repeats,
  text,
  wholeNumber,
} from './checks.ts';
import { type Check, type Fields, type Finding, fail, fieldsOf, type Place, shown, warn } from './finding.ts';
import { parseQuantity, quantity } from './quantity.ts';

/** Values inside an IstioGateway, each as its own check (CRD reference of the ASM documents; Kubernetes for what is its own). */

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
export const dnsLabel = text('a name of lower-case letters, digits and "-"', label, 63);
const key = text(
  'a key such as example.com/name',
  /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
  317,
);
const labelValue = text('a label’s value', /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/, 63);
const entriesMax = 200;

export const labels = map(key, labelValue, entriesMax);
export const annotations = map(key, anyText(64 * 1024), entriesMax);

const protocols = ['TCP', 'UDP', 'SCTP'];
/** Protocols of Istio, which the documents' own example writes where a Service has its transports. */
const applicationProtocols = ['HTTP', 'HTTPS', 'HTTP2', 'GRPC', 'TLS', 'MONGO'];

const protocol: Check = (value, path) => {
  if (typeof value === 'string' && applicationProtocols.includes(value)) {
    return [
      warn(
        path,
        `${value} is no transport: the documents have it in an example, a Service knows ${inWords(protocols)}`,
      ),
    ];
  }
  return oneOf(protocols)(value, path);
};

const targetPort: Check = (value, path) => {
  if (value === 0) {
    return [warn(path, '0 is no port; the documents have it in an example, and what is made of it is not described')];
  }
  if (typeof value === 'string') {
    return text('a port’s number or name', /^(?=.{0,14}[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/, 15)(value, path);
  }
  return wholeNumber(1, 65_535)(value, path);
};

/** Other ranges can be set for a cluster, so a port outside of the usual one is not wrong by itself. */
const nodePort: Check = (value, path) => {
  const findings = wholeNumber(0, 65_535)(value, path);
  if (findings.length > 0 || value === 0 || (Number(value) >= 30_000 && Number(value) <= 32_767)) return findings;
  return [warn(path, `${Number(value)} is outside of the usual range of node ports, 30000 to 32767`)];
};

const port = object(
  { name: dnsLabel, port: wholeNumber(1, 65_535), protocol, targetPort, nodePort, appProtocol: anyText(317) },
  ['port'],
);

export const ports: Check = (value, path) => {
  const entries = Array.isArray(value) ? value : [];
  const isNameless = (entry: unknown) => fieldsOf(entry)['name'] === undefined;
  return [
    ...list(port, 250)(value, path),
    ...repeats(entries, path, (entry) => textAt(entry, 'name'), 'name'),
    ...repeats(entries, path, portName, 'port'),
    ...entries.flatMap((entry, index) =>
      entries.length > 1 && isNameless(entry)
        ? [fail([...path, index, 'name'], 'is missing: several ports need names')]
        : [],
    ),
  ];
};

function portName(entry: unknown): string | null {
  const { port: number, protocol: transport = 'TCP' } = fieldsOf(entry);
  return typeof number === 'number' ? `port ${number} of ${transport === 'UDP' ? 'UDP' : 'TCP'}` : null;
}

export function textAt(value: unknown, field: string): string | null {
  const found = fieldsOf(value)[field];
  return typeof found === 'string' ? found : null;
}

const variable = and(
  object(
    {
      name: text('a name of an environment variable', /^[-._a-zA-Z][-._a-zA-Z0-9]*$/, 256),
      value: anyText(32_768),
      valueFrom: anyObject,
    },
    ['name'],
  ),
  (entry, path) =>
    entry['value'] !== undefined && entry['valueFrom'] !== undefined
      ? [fail([...path, 'valueFrom'], 'cannot stand beside value', true)]
      : [],
);
export const env = list(variable, entriesMax);

const amounts = map(key, quantity, 20);
export const resources = and(object({ limits: amounts, requests: amounts }), (value, path) =>
  Object.entries(fieldsOf(value['requests'])).flatMap(([name, asked]) => {
    const limit = fieldsOf(value['limits'])[name];
    const [request, most] = [parseQuantity(asked), parseQuantity(limit)];
    return request === null || most === null || request <= most
      ? []
      : [fail([...path, 'requests', name], `${shown(asked)} is more than the limit, ${shown(limit)}`)];
  }),
);

/** Pods, or a share of them. The published Go type has a text here, the reference says "absolute or percentage". */
export function podsOrShare(shareMax: number): Check {
  return (value, path) => {
    if (typeof value === 'number') {
      const note = `write it as a text, "${value}": the published Go type has one here`;
      return Number.isInteger(value) && value >= 0 ? [warn(path, note)] : wholeNumber(0, int32Max)(value, path);
    }
    const findings = text('a number of pods or a percentage, such as "1" or "25%"', /^\d{1,9}%?$/, 10)(value, path);
    if (findings.length > 0 || !String(value).endsWith('%') || Number.parseInt(String(value), 10) <= shareMax)
      return findings;
    return [fail(path, `must be at most ${shareMax}%`)];
  };
}

export const utilization = object({ targetAverageUtilization: wholeNumber(1, 100) });

/** ConfigMaps or Secrets as files in the gateway's pods; `source` is the field that names the object. */
export function volumes(source: 'configMapName' | 'secretName'): Check {
  const name = text('a name of lower-case letters, digits, "-" and "."', /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 253);
  const mountPath = text('a path from the root, such as /etc/certs', /^\/[^:]*$/, 4096);
  return list(object({ name: dnsLabel, [source]: name, mountPath }, ['name', source, 'mountPath']), 50);
}

const toleration = and(
  object({
    key,
    operator: oneOf(['Exists', 'Equal']),
    value: labelValue,
    effect: oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
    tolerationSeconds: wholeNumber(-int32Max, int32Max),
  }),
  tolerationRules,
);
export const tolerations = list(toleration, entriesMax);

function tolerationRules(value: Fields, path: Place): readonly Finding[] {
  const { key: name, operator = 'Equal', value: wanted, tolerationSeconds, effect } = value;
  return [
    ...(name === undefined && operator !== 'Exists'
      ? [fail([...path, 'operator'], 'must be Exists where no key is named')]
      : []),
    ...(operator === 'Exists' && wanted !== undefined && wanted !== ''
      ? [fail([...path, 'value'], 'cannot stand beside operator Exists', true)]
      : []),
    ...(tolerationSeconds !== undefined && effect !== 'NoExecute'
      ? [fail([...path, 'tolerationSeconds'], 'needs effect NoExecute', true)]
      : []),
  ];
}

export const affinity = object({ nodeAffinity: anyObject, podAffinity: anyObject, podAntiAffinity: anyObject });

/** The names of the sysctls are lost in the reference's page: the values are checked, the names are not. */
export const kernel = object({ enabled: flag, parameters: map(anyText(253), anyText(1024), 50) });

const level = /^(COMPRESSION_LEVEL_[1-9]|DEFAULT_COMPRESSION|BEST_COMPRESSION|BEST_SPEED)$/;
const gzip = object({
  memory_level: wholeNumber(1, 9),
  compression_level: text(
    'COMPRESSION_LEVEL_1 to COMPRESSION_LEVEL_9, DEFAULT_COMPRESSION, BEST_COMPRESSION or BEST_SPEED',
    level,
    40,
  ),
  compression_strategy: oneOf(['DEFAULT_STRATEGY', 'FILTERED', 'FIXED', 'HUFFMAN_ONLY', 'RLE']),
  window_bits: wholeNumber(9, 15),
  chunk_size: wholeNumber(1, int32Max),
});
export const compression = and(
  object({
    enabled: flag,
    content_type: list(anyText(255), 100),
    min_content_length: wholeNumber(0, int32Max),
    disable_on_etag_header: flag,
    remove_accept_encoding_header: flag,
    gzip,
  }),
  (value, path) =>
    value['enabled'] === true && value['gzip'] === undefined
      ? [fail([...path, 'gzip'], 'is missing: compression needs it; {} takes all defaults')]
      : [],
);
