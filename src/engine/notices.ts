import { lastStage, type MigrationContext, plannedEnds, stageOf } from '../../state-machines/context.ts';
import { entryLines } from '../domain/entry.ts';
import { leftoverAdvice, leftoverLines } from '../domain/leftover-words.ts';
import type { Notice, NoticeKind } from '../domain/notice.ts';
import { isMoving, loadBalancerOf } from '../domain/stages.ts';
import { inWords } from './rescue-record.ts';

interface Told {
  readonly id: string;
  readonly atMs: number;
  readonly kind: NoticeKind;
  readonly state: string;
  /** Index of the step the notice is about. */
  readonly step: number;
  readonly reason: string | null;
  readonly context: MigrationContext;
}

/** One notice, with the numbers behind it and what happens next: the same words in history, chat and webhooks. */
export function noticeOf({ id, atMs, kind, state, step, reason, context }: Told): Notice {
  const { spec } = context;
  const stage = stageOf({ spec, step });
  const asked = kind === 'rolledback' ? 0 : stage.step.share;
  const moving = context.achieved.filter((port) => isMoving(stage, spec.routes, port));
  const achieved = [...moving, ...context.achievedSplits].find(({ share }) => share !== null)?.share ?? null;
  const route = loadBalancerOf(stage, spec.routes);
  const isEnd = ends.has(kind);
  const because = context.verdict === null ? {} : { reason: context.verdict.reason };
  const words = wordings[kind]({ name: spec.name, ...namesOf(asked, step + 1, route), because, context });
  return {
    id,
    kind,
    atMs,
    migration: spec.name,
    run: context.run,
    state,
    step: step + 1,
    steps: lastStage(context) + 1,
    route,
    asked,
    achieved,
    observed: context.observed,
    severity: words.severity ?? 'info',
    title: words.title,
    reason: [
      reason ?? words.reason ?? '',
      ...(kind === 'step.passed' ? entryLines(context.entries) : []),
      ...(isEnd ? leftoverLines(context.leftovers) : []),
    ]
      .filter(Boolean)
      .join('; '),
    next: [words.next, ...(isEnd ? leftoverAdvice(context.leftovers) : [])].join('; '),
  };
}

/** Here people ask whether the side that the traffic left can go. */
const ends: ReadonlySet<NoticeKind> = new Set(['completed', 'rolledback', 'closed']);

interface Wording {
  readonly title: string;
  readonly reason?: string;
  readonly next: string;
  readonly severity?: Notice['severity'];
}

interface Names {
  /** `10 per cent`, and of what where routes go one after the other. */
  readonly share: string;
  readonly step: string;
}

function namesOf(asked: number, step: number, route: string | null): Names {
  return route === null
    ? { share: `${asked} per cent`, step: `step ${step}` }
    : { share: `${asked} per cent of ${route}`, step: `step ${step} (${route})` };
}

/** Nobody is paged for a way back that was asked for from the beginning. */
function isPlanned({ reason }: MigrationContext): boolean {
  return Object.values(plannedEnds).some((planned) => planned === reason);
}

interface Said extends Names {
  readonly name: string;
  /** What the verdict says, as the reason; nothing where there is none. */
  readonly because: Pick<Wording, 'reason'>;
  readonly context: MigrationContext;
}

const wordings: Readonly<Record<NoticeKind, (said: Said) => Wording>> = {
  started: ({ name }) => ({ title: `${name} started`, next: 'the first step is shifted' }),
  refused: ({ name }) => ({
    title: `${name} refused: nothing was changed`,
    next: 'mend what is named and start again',
    severity: 'warning',
  }),
  'step.verified': ({ name, share }) => ({ title: `${name}: ${share} verified at the CLB`, next: 'the share bakes' }),
  'step.passed': ({ name, step, because }) => ({
    title: `${name}: ${step} passed`,
    ...because,
    next: 'the next step, gate or the end',
  }),
  'step.corrected': ({ name, share }) => ({
    title: `${name}: the weights of ${share} are written again`,
    next: 'the share is verified again and bakes anew',
    severity: 'warning',
  }),
  'step.pulledBack': ({ name, share }) => ({
    title: `${name}: more than ${share} went to the target; it is pulled back`,
    next: 'then it is held: find who wrote it, then resume or abort',
    severity: 'critical',
  }),
  'gate.opened': ({ name, step, because, context }) => ({
    title: `${name}: ${step} waits for approval`,
    ...because,
    next: `approve gate ${context.gate?.id ?? ''}, or abort`,
  }),
  'source.shrunk': ({ name, context }) => ({
    title: `${name}: the source has shrunk`,
    next: `nothing changes; a rollback would wait for it to grow, at most ${inWords(context.spec.capacityPatienceMs)}, before it takes the target's traffic away`,
    severity: 'warning',
  }),
  held: ({ name, share }) => ({
    title: `${name} is held at ${share}`,
    next: 'the share stays; resume, promote or abort',
    severity: 'warning',
  }),
  resumed: ({ name }) => ({ title: `${name} goes on`, next: 'the step is verified again' }),
  paused: ({ name, share }) => ({ title: `${name} is paused at ${share}`, next: 'the share stays; resume or abort' }),
  'rollback.started': ({ name, context }) => ({
    title: `${name} is rolled back`,
    next: 'the baseline is restored and verified',
    severity: isPlanned(context) ? 'info' : 'critical',
  }),
  'rollback.blocked': ({ name }) => ({
    title: `${name}: the rollback cannot go on`,
    next: 'it goes on by itself when the cause is gone; rollback --force goes past it',
    severity: 'critical',
  }),
  'rollback.brokeGlass': ({ name }) => ({
    title: `${name}: weights were set straight at the CLB, past the cloud controller`,
    next: 'they are read and set again until the annotations agree; mend what keeps the controllers from it',
    severity: 'critical',
  }),
  rolledback: ({ name }) => ({
    title: `${name}: the baseline is back, verified at the CLB`,
    next: 'nothing; the name is free',
  }),
  stuck: ({ name }) => ({
    title: `${name} is stuck: the rollback could not be verified`,
    next: 'retries go on; look at the CLB, then retry or approve',
    severity: 'critical',
  }),
  completed: ({ name, because }) => ({
    title: `${name} completed`,
    ...because,
    next: 'rollback restores the baseline until the undo time is over',
  }),
  closed: ({ name }) => ({ title: `${name} closed`, next: 'nothing; the name is free' }),
};
