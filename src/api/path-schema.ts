import * as v from 'valibot';
import { choice, isObject } from './choice.ts';
import { duration, list, text } from './values.ts';

/** `spec.paths` of a migration file: what source and target must answer alike. */

/** Scheme, host, port, and what is asked for. */
const urlPattern = /^(https?):\/\/([A-Za-z0-9](?:[-A-Za-z0-9.]{0,251}[A-Za-z0-9])?)(?::([1-9]\d{0,4}))?(\/[^\s#]*)?$/;

const url = v.pipe(
  text(1300, 'URL that both sides are asked for, at their own pods'),
  v.regex(urlPattern, 'must be a URL such as https://shop.example.com/cart, without a user and a fragment'),
  v.check((value) => Number(urlPattern.exec(value)?.[3] ?? 1) <= 65_535, 'has no port from 1 to 65535'),
);
const headerName = v.pipe(
  text(64, 'Name of a response header'),
  v.regex(/^[A-Za-z0-9-]+$/, 'must be the name of a response header'),
  v.transform((name) => name.toLowerCase()),
  v.check(
    (name) => name !== 'set-cookie',
    'must be another header: what is compared is shown, and cookies are secrets',
  ),
);
const longPath = v.strictObject({
  url,
  headers: v.optional(list(headerName, 0, 10, 'Response headers that must be equal'), ['content-type', 'location']),
  body: v.optional(
    v.pipe(v.boolean('must be true or false'), v.description('Whether the bodies must be equal')),
    false,
  ),
  slower: v.optional(duration('1ms', '30s', 'So much longer than the source the target may take'), '1s'),
  timeout: v.optional(duration('100ms', '10s', 'How long one answer may take'), '3s'),
  differences: v.optional(
    v.pipe(
      v.picklist(['refuse', 'allow'], 'must be refuse or allow'),
      v.description('What a difference leads to: refuse keeps the migration from starting, allow only tells it'),
    ),
    'refuse',
  ),
});

/** A path is a URL alone, or with what is compared of its answer. */
export const comparedPath = v.pipe(
  choice([longPath, url], (value) => (isObject(value) ? longPath : url)),
  v.transform((value) => (typeof value === 'string' ? v.parse(longPath, { url: value }) : value)),
);
export type PathOfFile = v.InferOutput<typeof comparedPath>;

/** The parts of a URL that the schema took; a port that is not said is that of the scheme. */
export function partsOf(checked: string): {
  readonly isTls: boolean;
  readonly host: string;
  readonly port: number;
  readonly path: string;
} {
  const [, scheme, name = '', port, path = '/'] = urlPattern.exec(checked) ?? [];
  const isTls = scheme === 'https';
  const own = isTls ? 443 : 80;
  const number = port === undefined ? own : Number(port);
  return { isTls, host: number === own ? name : `${name}:${number}`, port: number, path };
}
