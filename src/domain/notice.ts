/** What people are told. The kinds are CloudEvents types behind `sluice.migration.`. */
export const noticeKinds = [
  'started',
  'refused',
  'step.verified',
  'step.passed',
  'step.corrected',
  'step.pulledBack',
  'gate.opened',
  'source.shrunk',
  'held',
  'resumed',
  'paused',
  'rollback.started',
  'rollback.blocked',
  'rollback.brokeGlass',
  'rolledback',
  'stuck',
  'completed',
  'closed',
] as const;
export type NoticeKind = (typeof noticeKinds)[number];

export interface Notice {
  /** The same over all retries, so that a receiver can drop repeats; without dots. */
  readonly id: string;
  readonly kind: NoticeKind;
  readonly atMs: number;
  readonly migration: string;
  readonly run: string;
  readonly state: string;
  /** 1-based step and how many there are; 0 before the first. */
  readonly step: number;
  readonly steps: number;
  /** The load balancer whose route the step moves; null where all routes move together. */
  readonly route: string | null;
  /** Shares in per cent; null where not known. */
  readonly asked: number;
  readonly achieved: number | null;
  readonly observed: number | null;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly title: string;
  /** Why, with the numbers behind it. */
  readonly reason: string;
  /** What happens next by itself, and what a person can do. */
  readonly next: string;
}
