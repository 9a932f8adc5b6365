import { isIP } from 'node:net';
import * as v from 'valibot';
import { duration, label, text } from './api/values.ts';

/** Shapes of the variables that hold JSON. No message repeats a value: it may be a secret in the wrong place. */

const named = <const Schema extends v.GenericSchema>(item: Schema, max: number) =>
  v.pipe(
    v.record(label(40, 'A name'), item, 'must be an object: name -> settings'),
    v.check((record) => Object.keys(record).length <= max, `has more than ${max} entries`),
  );

const reference = (schemes: readonly string[]) => {
  const message = `must be a reference: ${schemes.map((scheme) => `${scheme}:...`).join(' or ')}`;
  return v.pipe(
    v.string(message),
    v.maxLength(500, 'is longer than 500 characters'),
    v.regex(new RegExp(`^(?:${schemes.join('|')}):[^\\s\\p{Cc}]+$`, 'u'), message),
  );
};
/** Requests carry a security token, and answers the kubeconfigs of clusters. */
const plainOnlyHere = 'may be without TLS (http) on loopback only';
const word = (message: string) =>
  v.pipe(v.string(message), v.maxLength(128, message), v.regex(/^[A-Za-z0-9][\w.:-]*$/, message));

export const clustersSchema = v.pipe(
  named(
    v.strictObject({
      id: word('must be the id of the cluster'),
      kubeconfig: reference(['file', 'env', 'ack']),
      defaultBackendType: v.optional(v.picklist(['eni', 'ecs'], 'must be eni or ecs'), 'eni'),
    }),
    50,
  ),
  v.check((clusters) => Object.keys(clusters).length > 0, 'needs at least one cluster'),
);

export const meshesSchema = named(v.strictObject({ kubeconfig: reference(['file', 'env', 'asm']) }), 20);

export const clbSchema = v.pipe(
  v.strictObject({
    region: word('must be a region such as cn-hangzhou'),
    endpoint: v.optional(v.nullable(word('must be host or host:port, without a scheme')), null),
    protocol: v.optional(v.picklist(['https', 'http'], 'must be https or http'), 'https'),
  }),
  v.check(({ endpoint, protocol }) => protocol === 'https' || isOnLoopback(`http://${endpoint}`), plainOnlyHere),
);

/** By id of the load balancer and port; only a sandbox has its entries elsewhere than at the addresses. */
export const clbEntriesSchema = v.record(
  word('must be the id of a load balancer'),
  v.record(
    v.pipe(v.string(), v.regex(/^\d{1,5}$/, 'must be a port')),
    v.pipe(v.string('must be a URL'), v.check(isOnLoopback, 'must be a URL on loopback: for the sandbox')),
  ),
);

export const urlSchema = v.pipe(
  v.string('must be a URL'),
  v.maxLength(500, 'is longer than 500 characters'),
  v.check(isPlainUrl, 'must be an http or https URL without a password, query or fragment'),
  v.transform((url) => url.replace(/\/+$/, '')),
);

export const invokerSchema = v.pipe(
  v.strictObject({
    endpoint: v.optional(v.nullable(urlSchema), null),
    accountId: word('must be the account id'),
    region: v.optional(v.nullable(word('must be a region such as cn-hangzhou')), null),
    function: word('must be the name of the step function'),
    qualifier: v.optional(v.nullable(word('must be an alias or version')), null),
  }),
  v.check(({ endpoint }) => !endpoint?.startsWith('http:') || isOnLoopback(endpoint), plainOnlyHere),
  v.check(({ endpoint, region }) => endpoint !== null || region !== null, 'needs an endpoint or a region'),
);

export const tokensSchema = v.pipe(
  named(
    v.strictObject({
      role: v.picklist(['viewer', 'reporter', 'operator'], 'must be viewer, reporter or operator'),
      sha256: v.pipe(
        v.string('must be the SHA-256 of the token, 64 hexadecimal digits'),
        v.regex(/^[0-9a-fA-F]{64}$/, 'must be the SHA-256 of the token, 64 hexadecimal digits'),
        v.toLowerCase(),
      ),
    }),
    200,
  ),
  v.check((tokens) => Object.keys(tokens).length > 0, 'needs at least one token'),
);

export const channelsSchema = named(
  v.strictObject({
    kind: v.picklist(['dingtalk', 'webhook'], 'must be dingtalk or webhook'),
    url: reference(['env', 'file']),
    secret: v.optional(v.nullable(reference(['env', 'file'])), null),
  }),
  20,
);

const promQl = v.pipe(
  text(2000, 'PromQL that finds counters'),
  v.check(
    (query) => /\$workload\b/.test(query),
    'must say $workload, which stands for the gateways of the side it is asked about',
  ),
);

const latencyQl = v.pipe(
  promQl,
  v.check(
    (query) => /\$le(?:Seconds)?\b/.test(query),
    'must say $le (milliseconds) or $leSeconds, which stand for the bound of a bucket: le=~"$le"',
  ),
);

export const signalsSchema = v.pipe(
  named(
    v.pipe(
      v.strictObject({
        kind: v.literal('prometheus', 'must be prometheus'),
        url: reference(['env', 'file']),
        token: v.optional(v.nullable(reference(['env', 'file'])), null),
        queries: v.optional(
          v.nullable(v.strictObject({ requests: promQl, errors: promQl, latency: v.exactOptional(latencyQl) })),
          null,
        ),
        window: v.optional(duration('5s', '5m', 'Length of the intervals that are counted'), '15s'),
        delay: v.optional(duration('0s', '5m', 'How long after its end an interval is asked for'), '5s'),
        patience: v.optional(
          duration('0s', '10m', 'How old the newest interval may get before an error is told'),
          '1m',
        ),
        timeout: v.optional(duration('500ms', '20s', 'How long one answer may take'), '5s'),
      }),
      v.transform(({ window, delay, patience, timeout, ...rest }) => ({
        ...{ ...rest, windowMs: window, delayMs: delay, patienceMs: patience, timeoutMs: timeout },
      })),
    ),
    10,
  ),
  v.check((sources) => !('push' in sources), 'must not name a source "push": that is what programs send'),
  v.check((sources) => !('probes' in sources), 'must not name a source "probes": those are what Sluice asks itself'),
);

export const clockSchema = v.pipe(
  v.string('must be <speed>@<anchor in ms>'),
  v.regex(/^\d{1,4}(?:\.\d{1,6})?@\d{10,15}$/, 'must be <speed>@<anchor in ms>, such as 20@1767225600000'),
  v.transform((text) => {
    const [speed = '1', anchor = '0'] = text.split('@');
    return { speed: Number(speed), anchorMs: Number(anchor) };
  }),
  v.check(({ speed }) => speed > 0, 'must have a speed above 0'),
);

export const shardsSchema = v.pipe(
  v.string(),
  v.check((text) => /^\d{1,4}$/.test(text), 'must be a whole number from 1 to 1024'),
  v.transform(Number),
  v.check((shards) => shards >= 1 && shards <= 1024, 'must be a whole number from 1 to 1024'),
);

/** `what` says what the entries have to be; at most 50 of them, with commas between them. */
const listed = (what: string, isEntry: (text: string) => boolean) => {
  const message = `must be 1 to 50 ${what} with commas between them`;
  return v.pipe(
    v.string(message),
    v.transform((text) => text.split(',').map((entry) => entry.trim())),
    v.check((entries) => entries.length <= 50 && entries.every(isEntry), message),
  );
};

export const probeNetworksSchema = listed('networks such as 10.0.0.0/8', isNetwork);

export const probeCertificatesSchema = v.pipe(
  v.string(),
  v.maxLength(500, 'is longer than 500 characters'),
  v.check(
    (text) => text === 'any' || /^(?:file|env):[^\s\p{Cc}]+$/u.test(text),
    'must be any, or a reference: file:... or env:...',
  ),
);

export const channelHostsSchema = listed('hosts such as oapi.dingtalk.com or *.example.com', (text) =>
  /^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?$/.test(text),
);

export const namespacesSchema = listed('names of namespaces', (name) =>
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name),
);

export const watchSchema = duration('1s', '1m', 'How often an active migration is looked at');

function isOnLoopback(url: string): boolean {
  return URL.canParse(url) && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(new URL(url).hostname);
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const bitsMax = isIP(address) === 6 ? 128 : 32;
  if (isIP(address) === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax);
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const isBare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return isBare && (url.protocol === 'https:' || url.protocol === 'http:');
}
