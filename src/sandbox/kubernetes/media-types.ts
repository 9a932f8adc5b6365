import { notAcceptable } from './api-error.ts';

/** What representation a client accepts. `as` is empty for plain JSON. */
export interface Representation {
  readonly as: string;
  readonly group: string;
  readonly version: string;
}

const plain: Representation = { as: '', group: '', version: '' };
const rangesMax = 32;

/**
 * The first representation of an Accept header that `offered` has (pairs of `as` and version, as `Table/v1`); plain
 * JSON is always offered. @throws ApiError 406 when nothing fits
 */
export function acceptedRepresentation(header: string | undefined, offered: readonly string[]): Representation {
  const ranges = (header ?? '').split(',').slice(0, rangesMax);
  if (header === undefined || header.trim() === '') return plain;
  for (const range of ranges) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    if (!['application/json', 'application/*', '*/*'].includes(type)) continue;
    const values = new Map(parameters.map((part) => part.split('=', 2) as [string, string]));
    const as = values.get('as') ?? '';
    if (as === '') return plain;
    const version = values.get('v') ?? '';
    if (offered.includes(`${as}/${version}`)) return { as, version, group: values.get('g') ?? '' };
  }
  throw notAcceptable(['application/json']);
}
