import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { Alert } from '../domain/alert.ts';
import { InvalidInputError } from '../ports/errors.ts';
import {
  type AlertmanagerAlert,
  alertmanagerSchema,
  type CloudMonitorAlert,
  cloudMonitorSchema,
} from './alert-schema.ts';
import { checkForeign } from './foreign-body.ts';
import { type ApiResponse, json } from './http.ts';
import type { Call, Operation, QueryParameter } from './operation.ts';
import { readForeignBody } from './request-body.ts';
import { label, namePattern } from './values.ts';

const migrationParameter: QueryParameter = {
  name: 'migration',
  description: 'Name of the migration that every alert is about; of Alertmanager, instead of a label',
  schema: label(40, 'Name of the migration'),
};
const tokenParameter: QueryParameter = {
  name: 'token',
  description: 'The token, for a product that can send no header. Addresses get into logs: one of the role reporter',
  schema: v.pipe(v.string(), v.maxLength(512)),
};
const answerSchema = v.object({ accepted: v.number(), skipped: v.number() });
const answer = { status: 202, description: 'Kept', type: 'application/json', schema: answerSchema } as const;
const refusals = [400, 413, 415, 422];

/** Alerts of monitoring products: what is firing fails the migration that it names. */
export const alerting: readonly Operation[] = [
  {
    id: 'receiveAlertmanager',
    method: 'POST',
    path: '/v1/hooks/alertmanager',
    summary:
      'Webhook of Alertmanager: alerts with a label sluice_migration or migration fail that migration while they fire',
    access: 'report',
    query: [migrationParameter],
    body: { kind: 'json', schema: alertmanagerSchema, isRequired: true },
    answer,
    refusals,
    carryOut: fromAlertmanager,
  },
  {
    id: 'receiveCloudMonitor',
    method: 'POST',
    path: '/v1/hooks/cloudmonitor',
    summary: 'Callback of CloudMonitor: an alert fails the migration that the address names until it is OK again',
    access: 'report',
    query: [migrationParameter, tokenParameter],
    body: { kind: 'json', schema: cloudMonitorSchema, isRequired: true },
    answer,
    refusals,
    isTokenInQuery: true,
    carryOut: fromCloudMonitor,
  },
];

async function fromAlertmanager(call: Call): Promise<ApiResponse> {
  const { alerts } = checkForeign(alertmanagerSchema, readForeignBody(call.request));
  const given = migrationOf(call);
  const seenAtMs = await call.dependencies.ports.store.now();
  const byName = new Map<string, Alert[]>();
  for (const one of alerts) {
    const name = given ?? one.labels['sluice_migration'] ?? one.labels['migration'] ?? '';
    if (!isName(name)) continue;
    byName.set(name, [...(byName.get(name) ?? []), alertmanagerReport(one, seenAtMs)]);
  }
  if (byName.size === 0) {
    const message =
      'no alert has a label sluice_migration with the name of a migration (or name it in the address: ?migration=)';
    throw new InvalidInputError([{ path: 'alerts', message }]);
  }
  return keep(call, byName, alerts.length);
}

async function fromCloudMonitor(call: Call): Promise<ApiResponse> {
  const report = checkForeign(cloudMonitorSchema, readForeignBody(call.request));
  const name = migrationOf(call);
  if (name === null) throw new InvalidInputError([{ path: '?migration', message: 'is missing' }]);
  // That it has no data says nothing of the target.
  if (report.alertState === 'INSUFFICIENT_DATA') return json(202, { accepted: 0, skipped: 1 });
  const seenAtMs = await call.dependencies.ports.store.now();
  return keep(call, new Map([[name, [cloudMonitorReport(report, seenAtMs)]]]), 1);
}

async function keep(
  { dependencies }: Call,
  byName: ReadonlyMap<string, readonly Alert[]>,
  sent: number,
): Promise<ApiResponse> {
  let accepted = 0;
  for (const [name, reports] of byName) {
    await dependencies.ports.alerts.keep(name, reports);
    accepted += reports.length;
  }
  return json(202, { accepted, skipped: sent - accepted });
}

function alertmanagerReport(one: AlertmanagerAlert, seenAtMs: number): Alert {
  const { alertname = 'alert' } = one.labels;
  const said = one.annotations['summary'] ?? one.annotations['description'] ?? one.annotations['message'];
  // Alertmanager of before 0.20 sends no fingerprint; it is one of the labels.
  const id = one.fingerprint || idOf(Object.entries(one.labels).sort());
  const text = said === undefined ? alertname : `${alertname}: ${said}`;
  return { id: `alertmanager ${id}`, status: one.status, startsAtMs: one.startsAt, seenAtMs, text: inOneLine(text) };
}

/** It tells no begin; but each report has its time, and so the newest one counts. */
function cloudMonitorReport(one: CloudMonitorAlert, seenAtMs: number): Alert {
  const { alertName, ruleId, alertState, timestamp, metricName, instanceName, curValue, dimensions } = one;
  const measured = metricName === '' ? '' : `: ${metricName} is ${curValue}${instanceName && ` at ${instanceName}`}`;
  return {
    id: `cloudmonitor ${idOf([ruleId || alertName, dimensions ?? instanceName])}`,
    status: alertState === 'OK' ? 'resolved' : 'firing',
    startsAtMs: timestamp,
    seenAtMs,
    text: inOneLine(`${alertName}${measured}`),
  };
}

function migrationOf({ request }: Call): string | null {
  const name = request.query['migration'];
  if (name === undefined) return null;
  if (isName(name)) return name;
  throw new InvalidInputError([{ path: '?migration', message: 'must be the name of a migration' }]);
}

function isName(name: string): boolean {
  return name.length <= 40 && namePattern.test(name);
}

function idOf(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

function inOneLine(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, 300);
}
