import * as v from 'valibot';
import { arrivalReasons } from '../domain/judge/arrival.ts';
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

/** A whole below zero is told of by itself. */
function isPart(part: number, whole: number): boolean {
  return whole < 0 || part <= whole;
}

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
  // Each is asked as soon as its own fields could be read: another mistake in the sample hides none of these.
  v.partialCheck(
    [['requests'], ['slow']],
    ({ requests, slow = 0 }) => isPart(slow, requests),
    'has more slow requests than requests',
  ),
  v.partialCheck(
    [['requests'], ['errors']],
    ({ requests, errors }) => isPart(errors, requests),
    'has more errors than requests',
  ),
  v.partialCheck(
    [['requests'], ['direct']],
    ({ requests, direct = 0 }) => isPart(direct, requests),
    'has more direct requests than requests',
  ),
  v.partialCheck(
    [['loadBalancer'], ['direct']],
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

/** What becomes of the samples that were taken. */
export const signalsAnswerSchema = v.object({
  accepted: v.pipe(v.number(), v.description('All samples of the request: one is taken with all, or none is')),
  state: v.pipe(v.nullable(v.string()), v.description('Of the migration; null where there is none of this name yet')),
  remarks: v.pipe(
    v.array(
      v.object({
        reason: v.pipe(
          v.picklist(arrivalReasons),
          v.description(
            'repeated: the same numbers again; conflict: the same interval with other numbers, of which the larger count; late: judged without it; long: over 5 minutes, not judged; ahead: ends in the future; elsewhere: a load balancer of no route',
          ),
        ),
        count: v.pipe(v.number(), v.description('How many samples')),
        samples: v.pipe(v.array(v.number()), v.description('Their places in the request, the first twenty')),
        message: v.string(),
      }),
    ),
    v.description('Samples that do not count as the program may think, by reason; nothing counts twice'),
  ),
});
