/** `unavailable`: no check has finished yet, or there is none (reference B1, DescribeHealthStatus). */
export type HealthStatus = 'normal' | 'abnormal' | 'unavailable';

/** The health of one backend as one listener sees it; `against` counts the checks in a row that contradict it. */
export interface Health {
  readonly status: 'normal' | 'abnormal';
  readonly against: number;
}

export interface HealthThresholds {
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

/**
 * The health after one more check. The first result decides at once; from then on it takes a whole threshold of
 * contrary results in a row, and one that agrees starts the count again.
 */
export function healthAfter(before: Health | undefined, ok: boolean, thresholds: HealthThresholds): Health {
  const result = ok ? 'normal' : 'abnormal';
  if (before === undefined) return { status: result, against: 0 };
  if (before.status === result) return before.against === 0 ? before : { ...before, against: 0 };
  const against = before.against + 1;
  const needed = ok ? thresholds.healthyThreshold : thresholds.unhealthyThreshold;
  return against >= needed ? { status: result, against: 0 } : { ...before, against };
}
