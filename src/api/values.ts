import * as v from 'valibot';

/** Values that people write in files and requests: durations, shares, names. One schema each, so that every surface agrees. */

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const durationPattern = /^\d{1,7}(?:ms|s|m|h|d)$/;

/** Milliseconds of `90s`, `10m`, `2h`, `1d` (and `250ms`), null where the text is none. */
export function parseDuration(text: string): number | null {
  if (!durationPattern.test(text)) return null;
  const unit = text.replace(/^\d+/, '') as keyof typeof unitMs;
  return Number.parseInt(text, 10) * unitMs[unit];
}

/** `90s`, `10m`: the largest unit that says it exactly. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms > 0 && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`;
  }
  return ms === 0 ? '0s' : `${ms}ms`;
}

/** A duration between two others, read as milliseconds. */
export function duration(min: string, max: string, description: string) {
  const range = [parseDuration(min) ?? 0, parseDuration(max) ?? 0] as const;
  return v.pipe(
    v.string((issue) => `${issue.received} is not a duration; write it like 90s, 10m, 2h or 1d`),
    v.description(`${description} (a duration such as 90s, 10m, 2h or 1d; ${min} to ${max})`),
    v.regex(durationPattern, (issue) => `${issue.received} is not a duration; write it like 90s, 10m, 2h or 1d`),
    v.transform((text) => parseDuration(text) ?? 0),
    v.check(
      (ms) => ms >= range[0] && ms <= range[1],
      (issue) => `${formatDuration(Number(issue.input))} is out of range: ${min} to ${max}`,
    ),
  );
}

/** The number in `10`, `10%` or `"10"`, null where there is none. */
export function parsePerCent(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string' || value.length > 20) return null;
  const match = /^(\d{1,3}(?:\.\d{1,4})?)\s?%?$/.exec(value);
  return match ? Number(match[1]) : null;
}

/** Per cent above 0 and up to 100, as a number or with the sign. */
export function perCent(description: string) {
  return v.pipe(
    v.union([v.number(), v.string()], (issue) => `${issue.received} is not a percentage; write it like 10 or 10%`),
    v.description(description),
    v.check(
      (value) => parsePerCent(value) !== null,
      (issue) => `${issue.received} is not a percentage; write it like 10 or 10%`,
    ),
    v.transform((value) => parsePerCent(value) ?? 0),
    v.check(
      (value) => value > 0 && value <= 100,
      (issue) => `${issue.received} is out of range: above 0 and up to 100`,
    ),
  );
}

/** A whole number from `min` to `max`, both among them. */
export function wholeNumber(min: number, max: number, description: string) {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(message),
    v.description(description),
    v.integer(message),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
}

/** A list of so many items, both bounds among them. */
export function list<const Item extends v.GenericSchema>(item: Item, min: number, max: number, description: string) {
  return v.pipe(
    v.array(item, (issue) => `must be a list, not ${issue.received}`),
    v.description(description),
    v.minLength(min, `needs at least ${min}`),
    v.maxLength(max, `has more than ${max} entries`),
  );
}

/** A text with a limit and without control characters, which could forge a line of a log or a terminal. */
export function text(maxLength: number, description: string) {
  return v.pipe(
    v.string((issue) => `must be a text, not ${issue.received}`),
    v.description(description),
    v.minLength(1, 'must not be empty'),
    v.maxLength(maxLength, `is longer than ${maxLength} characters`),
    v.regex(/^[^\p{Cc}]*$/u, 'must not contain control characters or line breaks'),
  );
}

export const namePattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** A DNS-1123 label: what Kubernetes takes as a name and what fits into a task id. */
export function label(maxLength: number, description: string) {
  const message = `must be a name of lower-case letters, digits and "-", at most ${maxLength} characters, beginning and ending with a letter or digit`;
  return v.pipe(
    v.string(message),
    v.description(description),
    v.maxLength(maxLength, message),
    v.regex(namePattern, message),
  );
}

/** The id of a CLB. */
export function loadBalancerId(description: string) {
  const message = 'must be the id of a CLB';
  return v.pipe(v.string(message), v.description(description), v.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$/, message));
}

/** `namespace/name` of a Kubernetes object. */
export function objectName(description: string) {
  const message = 'must be written as namespace/name';
  return v.pipe(
    v.string(message),
    v.description(`${description}, as namespace/name`),
    v.maxLength(127, message),
    v.regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, message),
  );
}

/** The two halves of a valid `namespace/name`. */
export function splitName(name: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', rest = ''] = name.split('/');
  return { namespace, name: rest };
}
