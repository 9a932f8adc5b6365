import * as v from 'valibot';
import { duration, label } from './api/values.ts';

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

export const clbSchema = v.strictObject({
  region: word('must be a region such as cn-hangzhou'),
  endpoint: v.optional(v.nullable(word('must be host or host:port, without a scheme')), null),
  protocol: v.optional(v.picklist(['https', 'http'], 'must be https or http'), 'https'),
});

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

const namespacesWords = 'must be 1 to 50 names of namespaces with commas between them';

export const namespacesSchema = v.pipe(
  v.string(namespacesWords),
  v.transform((text) => text.split(',').map((name) => name.trim())),
  v.check(
    (names) => names.length <= 50 && names.every((name) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)),
    namespacesWords,
  ),
);

export const watchSchema = duration('1s', '1m', 'How often an active migration is looked at');

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const isBare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return isBare && (url.protocol === 'https:' || url.protocol === 'http:');
}
