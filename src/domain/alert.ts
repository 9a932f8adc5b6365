/** One report of an alert about a migration, as the monitoring sent it. */
export interface Alert {
  /** What stays the same over all reports of one alert: Alertmanager's fingerprint, CloudMonitor's rule and object. */
  readonly id: string;
  readonly status: 'firing' | 'resolved';
  /** Since when it is firing, by the monitoring's clock; of what has no begin, when it was reported. */
  readonly startsAtMs: number;
  /** When the report came in, by the store's clock. */
  readonly seenAtMs: number;
  /** What the alert says, for people. */
  readonly text: string;
}

/**
 * The alerts that are firing, the oldest first. Reports may come twice, late and in any order: the newest begin of an alert
 * counts, and one that was resolved stays so until it begins anew - so an old report that is sent again says nothing.
 */
export function firingOf(reports: readonly Alert[]): readonly Alert[] {
  const newest = new Map<string, Alert>();
  for (const report of reports) {
    const known = newest.get(report.id);
    if (known === undefined || isNewer(report, known)) newest.set(report.id, report);
  }
  const firing = [...newest.values()].filter(({ status }) => status === 'firing');
  return firing.toSorted((one, other) => one.startsAtMs - other.startsAtMs);
}

/** Of the firing alerts, those that began after a migration did: the others it was told to live with. */
export function begunSince(firing: readonly Alert[], startedAtMs: number): readonly Alert[] {
  return firing.filter(({ startsAtMs, seenAtMs }) => startsAtMs >= startedAtMs && seenAtMs >= startedAtMs);
}

/** What firing alerts say, in one line. */
export function alertWords(firing: readonly Alert[]): string {
  const [first, ...others] = firing;
  const more = others.length === 0 ? '' : `; and ${others.length} more`;
  return `an alert is firing: ${first?.text ?? ''}${more}`;
}

function isNewer(report: Alert, known: Alert): boolean {
  if (report.startsAtMs !== known.startsAtMs) return report.startsAtMs > known.startsAtMs;
  if (report.status !== known.status) return report.status === 'resolved';
  return report.seenAtMs > known.seenAtMs;
}
