import * as v from 'valibot';
import { choice } from './choice.ts';
import { label, loadBalancerId, text, wholeNumber } from './values.ts';

/** Bodies of requests other than the migration file. */

const force = v.optional(
  v.pipe(v.boolean('must be true or false'), v.description('Goes past the guards of a rollback')),
  false,
);
const reason = v.optional(text(120, 'Why, for the history and the people who are told'));

export const noBodySchema = v.strictObject({});
export const promoteSchema = v.strictObject({
  all: v.optional(
    v.pipe(v.boolean('must be true or false'), v.description('Skips what is left of all steps, not of this one only')),
    false,
  ),
});
export const approveSchema = v.strictObject({
  gate: v.optional(
    v.nullable(label(128, 'Id of the gate; absent to accept things as they are in the state stuck')),
    null,
  ),
});
export const goBackSchema = v.strictObject({ force, reason });

const epochSeconds = v.pipe(
  v.number('must be seconds since 1970 or an ISO 8601 time'),
  v.description('Begin of the interval, seconds since 1970'),
  v.finite('must be seconds since 1970 or an ISO 8601 time'),
  v.minValue(0, 'must not be before 1970'),
  v.maxValue(253_402_300_799, 'is too far in the future; is it in milliseconds?'),
  v.transform((seconds) => Math.round(seconds * 1000)),
);
const isoTime = v.pipe(
  v.string('must be seconds since 1970 or an ISO 8601 time'),
  v.description('Begin of the interval, ISO 8601'),
  v.isoTimestamp('must be seconds since 1970 or an ISO 8601 time such as 2026-01-31T08:00:00Z'),
  v.transform((time) => Date.parse(time)),
);

const sample = v.pipe(
  v.strictObject({
    side: v.picklist(['source', 'target'], 'must be source or target'),
    instance: v.pipe(
      v.string('must be a text'),
      v.description('The program that counted'),
      v.regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 printable ASCII characters without spaces'),
    ),
    from: choice([epochSeconds, isoTime], (value) => (typeof value === 'string' ? isoTime : epochSeconds)),
    seconds: v.pipe(
      v.number('must be a number of seconds, above 0 and up to 3600'),
      v.description('Length of the interval'),
      v.minValue(0.001, 'must be a number of seconds, above 0 and up to 3600'),
      v.maxValue(3600, 'must be a number of seconds, above 0 and up to 3600'),
    ),
    requests: wholeNumber(0, 1_000_000_000, 'Requests that were answered in the interval'),
    errors: wholeNumber(0, 1_000_000_000, 'How many of them failed'),
    loadBalancer: v.exactOptional(
      loadBalancerId('Id of the CLB that the requests came through, where the program tells them apart'),
    ),
    connections: v.exactOptional(
      wholeNumber(
        0,
        1_000_000_000,
        'Connections through the CLB that were open at the end of the interval (Envoy: downstream_cx_active)',
      ),
    ),
    slow: v.exactOptional(
      wholeNumber(0, 1_000_000_000, "How many of the requests took longer than the spec's analysis.latency.over"),
    ),
    direct: v.exactOptional(
      wholeNumber(
        0,
        1_000_000_000,
        'How many of the requests came through no CLB: callers inside the cluster that use the name of the Service. They are in no observed share',
      ),
    ),
  }),
  v.check(({ requests, slow = 0 }) => slow <= requests, 'has more slow requests than requests'),
  v.check(({ requests, errors }) => errors <= requests, 'has more errors than requests'),
  v.check(({ requests, direct = 0 }) => direct <= requests, 'has more direct requests than requests'),
  v.check(
    ({ loadBalancer, direct = 0 }) => loadBalancer === undefined || direct === 0,
    'names a load balancer, which direct requests do not come through: report them in a sample that names none',
  ),
);

const samplesMax = 2000;
export const signalsSchema = v.strictObject({
  samples: v.pipe(
    v.array(sample, 'must be a list of samples'),
    v.minLength(1, 'needs at least one sample'),
    v.maxLength(samplesMax, `has more than ${samplesMax} samples`),
  ),
});
