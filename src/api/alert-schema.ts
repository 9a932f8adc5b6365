import * as v from 'valibot';

/** What of the webhooks of monitoring products is needed. Everything else in them is left out, not refused. */

const labels = v.optional(v.record(v.string(), v.string('must be a text'), 'must be an object'), {});
const time = v.pipe(
  v.string('must be an ISO 8601 time'),
  v.check((text) => Number.isFinite(Date.parse(text)), 'must be an ISO 8601 time'),
  v.transform((text) => Math.max(0, Date.parse(text))),
);

const alertsMax = 1_000;

/** @source Prometheus, "Alerting, Configuration": webhook_config; Grafana sends the same */
export const alertmanagerSchema = v.object({
  alerts: v.pipe(
    v.array(
      v.object({
        status: v.picklist(['firing', 'resolved'], 'must be firing or resolved'),
        labels,
        annotations: labels,
        startsAt: time,
        fingerprint: v.optional(
          v.pipe(v.string('must be a text'), v.maxLength(100, 'is longer than 100 characters')),
          '',
        ),
      }),
      'must be a list of alerts',
    ),
    v.minLength(1, 'needs at least one alert'),
    v.maxLength(alertsMax, `has more than ${alertsMax} alerts: set max_alerts`),
  ),
});
export type AlertmanagerAlert = v.InferOutput<typeof alertmanagerSchema>['alerts'][number];

const short = (max: number) =>
  v.optional(
    v.pipe(
      v.string('must be a text'),
      v.transform((text) => text.slice(0, max)),
    ),
    '',
  );

/** @source Alibaba Cloud, CloudMonitor: "Use threshold alert callbacks", parameters of the POST request */
export const cloudMonitorSchema = v.object({
  alertName: v.pipe(
    v.string('must be a text'),
    v.minLength(1, 'must not be empty'),
    v.transform((text) => text.slice(0, 100)),
  ),
  // Its pages name ALERT in some versions and ALARM in others.
  alertState: v.picklist(['OK', 'ALERT', 'ALARM', 'INSUFFICIENT_DATA'], 'must be OK, ALERT or INSUFFICIENT_DATA'),
  timestamp: v.pipe(
    v.union([v.string(), v.number()], 'must be seconds or milliseconds since 1970'),
    v.transform(Number),
    v.number('must be seconds or milliseconds since 1970'),
    v.check((value) => value > 0 && value < 1e14, 'must be seconds or milliseconds since 1970'),
    v.transform((value) => Math.round(value < 1e11 ? value * 1000 : value)),
  ),
  ruleId: short(100),
  instanceName: short(100),
  metricName: short(100),
  curValue: v.optional(
    v.pipe(
      v.union([v.string(), v.number()]),
      v.transform((value) => String(value).slice(0, 40)),
    ),
    '',
  ),
  // A text or a list, as it comes: only that it is the same counts.
  dimensions: v.optional(v.unknown()),
});
export type CloudMonitorAlert = v.InferOutput<typeof cloudMonitorSchema>;
