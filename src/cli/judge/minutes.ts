import type { Batch, StepStart } from '../../domain/judge/state.ts';
import type { Count } from '../../domain/verdict.ts';

export interface Minute {
  readonly source: Count;
  readonly target: Count;
}

/** Adds batches up to whole intervals, as tools see them that query a metric every minute. */
export interface Minutes {
  /** The interval that this batch completes, else null. */
  add(batch: Batch): Minute | null;
  /** A step begins; nothing is measured while the target has no share. */
  begin(step: StepStart): void;
}

const none: Minute = { source: { requests: 0, errors: 0 }, target: { requests: 0, errors: 0 } };

export function minutes(intervalMs: number): Minutes {
  let isOn = false;
  let ms = 0;
  let sum = none;
  return {
    add: ({ ms: more, source, target }) => {
      if (!isOn) return null;
      ms += more;
      sum = { source: plus(sum.source, source), target: plus(sum.target, target) };
      if (ms < intervalMs) return null;
      const full = sum;
      ms = 0;
      sum = none;
      return full;
    },
    begin: ({ share }) => {
      isOn = share > 0;
      ms = 0;
      sum = none;
    },
  };
}

/** Null where nothing was counted: metrics have no value then. */
export function successRate({ requests, errors }: Count): number | null {
  return requests === 0 ? null : 1 - errors / requests;
}

function plus(a: Count, b: Count): Count {
  return { requests: a.requests + b.requests, errors: a.errors + b.errors };
}
