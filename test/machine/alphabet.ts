import type { Baseline } from '../../src/domain/baseline.ts';
import { idle, type Verdict } from '../../src/domain/judge/verdict.ts';
import type { ProbeAnswer } from '../../src/domain/probe-health.ts';
import { type MigrationContext, stepOf } from '../../state-machines/context.ts';
import type { Look, MigrationEvent } from '../../state-machines/events.ts';
import { aPatience, aRoute, aService, weights } from '../fixtures/builders.ts';

type Said = MigrationEvent extends infer E ? (E extends MigrationEvent ? Omit<E, 'at'> : never) : never;

/** One event as it can come in a state: what it says may depend on what the machine asked. */
export interface Letter {
  readonly name: string;
  readonly says: (context: MigrationContext) => Said;
}

/** What each kind of verdict is of where nothing else is said. */
const causes = { pass: 'proven', fail: 'worse', insufficient: 'open', error: 'unmeasured' } as const;

/** Every type of event with each way in which the machine may take it. An event without a letter does not compile. */
export const alphabet: Readonly<Record<MigrationEvent['type'], readonly Letter[]>> = {
  'preflight.passed': [answering('preflight.passed', { baseline: aBaseline(), remark: null })],
  'preflight.refused': [answering('preflight.refused', { reason: 'the listener schedules by rr' })],
  'baseline.kept': [answering('baseline.kept', {})],
  'baseline.notKept': [answering('baseline.notKept', { reason: 'forbidden' })],
  'shift.planned': [
    {
      name: 'shift.planned',
      says: ({ question, goals }) => ({ type: 'shift.planned', question, goals, splits: [], writes: 2 }),
    },
  ],
  'shift.unreachable': [answering('shift.unreachable', { reason: '10 per cent cannot be reached' })],
  'shift.postponed': [answering('shift.postponed', { reason: 'Deployment asm replaces its pods' })],
  'shift.verified': [
    {
      name: 'shift.verified',
      says: (context) => ({ type: 'shift.verified', question: context.question, ...achieved(stepOf(context).share) }),
    },
  ],
  'shift.failed': [answering('shift.failed', { reason: 'forbidden' })],
  'shift.overtaken': [answering('shift.overtaken', { reason: 'fence 99' })],
  'watch.seen': [
    looking('all good', {}),
    looking('no data', { verdict: aVerdict('insufficient') }),
    looking('failing verdict', { verdict: aVerdict('fail') }),
    looking('both sides fail together', { verdict: aVerdict('insufficient', 'common') }),
    looking('nothing at the target', { verdict: aVerdict('insufficient', 'silent') }),
    looking('target fails its probe', { answers: answers(true, false) }),
    looking('both fail their probes', { answers: answers(false, false) }),
    looking('cannot tell', { weights: 'unknown', differences: ['no answer'] }),
    looking('less than asked', { weights: 'differ', differences: ['target weight 1'], cause: 'less' }, 0),
    looking('more than asked', { weights: 'differ', differences: ['target weight 90'], cause: 'more' }, 90),
    looking('more than asked, dark source', { weights: 'differ', cause: 'dark', isSourceCarrying: false }, 90),
    looking('backends came', { backends: 'b2' }, 60),
    looking('settling', { weights: 'differ', backends: 'b2', isAtClbOnly: true, cause: 'clb' }),
    looking('newer fence', { newerFence: 99 }),
    looking('target restarts', { restarting: 'Deployment asm replaces its pods' }),
    looking('source shrank', { sourcePods: [1] }),
  ],
  'restore.blocked': [
    answering('restore.blocked', { reason: 'the source is not healthy' }),
    answering('restore.blocked', { reason: 'no answer' }, 'restore.blocked by something else'),
  ],
  'restore.brokeGlass': [answering('restore.brokeGlass', { reason: 'no answer' })],
  'restore.verified': [answering('restore.verified', { ...achieved(0), leftovers: [] })],
  'glass.tried': [
    answering('glass.tried', { ms: 4_000, problem: null }),
    answering('glass.tried', { ms: null, problem: 'forbidden' }, 'glass.tried in vain'),
  ],
  'leftovers.counted': [answering('leftovers.counted', { leftovers: [] })],
  'baseline.emptied': [answering('baseline.emptied', {})],
  'baseline.inUse': [answering('baseline.inUse', { reason: 'the watchdog brings it back' })],
  pause: [asking({ type: 'pause' })],
  resume: [asking({ type: 'resume' })],
  promote: [asking({ type: 'promote', all: false }), asking({ type: 'promote', all: true }, 'promote all')],
  approve: [
    { name: 'approve', says: ({ gate }) => ({ type: 'approve', gate: gate?.id ?? null, actor: 'ada' }) },
    asking({ type: 'approve', gate: 'of-another-run' }, 'approve another gate'),
  ],
  abort: [asking({ type: 'abort', isForced: false })],
  rollback: [
    asking({ type: 'rollback', isForced: false }),
    asking({ type: 'rollback', isForced: true }, 'rollback forced'),
  ],
  retry: [asking({ type: 'retry' })],
  'watchdog.claimed': [
    { name: 'watchdog.claimed', says: () => ({ type: 'watchdog.claimed', reason: 'no heartbeat for 5 minutes' }) },
  ],
};

export const letters: readonly Letter[] = Object.values(alphabet).flat();

/** The event as the engine hands it on. */
export function spelled(letter: Letter, context: MigrationContext, at: number): MigrationEvent {
  return { ...letter.says(context), at } as MigrationEvent;
}

type Answer = Extract<Said, { readonly question: number }>;

function answering<T extends Answer['type']>(
  type: T,
  fields: Omit<Extract<Answer, { type: T }>, 'type' | 'question'>,
  name: string = type,
): Letter {
  return { name, says: ({ question }) => ({ type, question, ...fields }) as unknown as Said };
}

function asking(command: { readonly type: string; readonly [field: string]: unknown }, name = command.type): Letter {
  return { name, says: () => ({ ...command, actor: 'ada' }) as unknown as Said };
}

/** @param share what the load balancer gives; null: what the step under way asks */
function looking(what: string, look: Partial<Look>, share: number | null = null): Letter {
  return {
    name: `watch.seen: ${what}`,
    says: (context) => ({
      type: 'watch.seen',
      question: context.question,
      look: { ...aLook(share ?? Math.max(0, stepOf(context).share)), ...look },
    }),
  };
}

function aLook(share: number): Look {
  return {
    weights: 'agree',
    differences: [],
    cause: '',
    isAtClbOnly: false,
    backends: 'b1',
    newerFence: null,
    isSourceCarrying: true,
    restarting: null,
    gatewayFields: [],
    sourcePods: [3],
    answers: answers(true, true),
    entries: [],
    verdict: aVerdict('pass'),
    judging: {},
    observed: share,
    observedOn: [],
    leftovers: [],
    ...achieved(share),
  };
}

function answers(source: boolean, target: boolean): readonly ProbeAnswer[] {
  const answer = { probe: 'productpage', detail: '503' };
  return [
    { ...answer, side: 'source', isOk: source },
    { ...answer, side: 'target', isOk: target },
  ];
}

function aVerdict(kind: Verdict['kind'], cause: Verdict['cause'] = causes[kind]): Verdict {
  const count = { requests: 1_000, errors: 0 };
  return { ...idle(), kind, cause, source: count, target: count, reason: `errors: ${kind}` };
}

function achieved(share: number): Pick<Look, 'achieved' | 'achievedSplits'> {
  const port = { loadBalancer: 'lb-public', port: 80, group: 'rsp-pub-80' };
  return { achieved: [{ ...port, sourceWeight: 100 - share, targetWeight: share, share }], achievedSplits: [] };
}

function aBaseline(): Baseline {
  const kept = { route: aRoute(), source: weights('100'), target: weights('0'), sourcePods: 3 };
  const { cluster, clusterId, namespace, name, mode } = aService('source', '100', 3);
  const services = { source: [{ cluster, clusterId, namespace, name, mode }], target: [] };
  const routes = [{ ...kept, services }];
  return {
    name: 'shop-ingress',
    run: 'run-1',
    takenAtMs: 1_000_000,
    patience: aPatience(),
    routes,
    subsets: [],
  };
}
