import { assign, setup } from 'xstate';
import { gatewayChange, knownFields } from '../src/domain/gateway-change.ts';
import { withMeasured } from '../src/domain/measured.ts';
import { withAnswers } from '../src/domain/probe-health.ts';
import { describeShrunk, shrunkSources } from '../src/domain/source-capacity.ts';
import { isOpen } from '../src/domain/window.ts';
import { type Assessment, assess, settlingSince } from './assessment.ts';
import {
  type Hold,
  type HoldCause,
  isLastStep,
  lastStage,
  type MigrationContext,
  type MigrationInput,
  stepOf,
} from './context.ts';
import { inertEffects } from './effects.ts';
import type { Look, MigrationEvent } from './events.ts';

const minute = 60_000;
export const limits = {
  preflightMs: 5 * minute,
  /** A shift that is not verified by then is taken back. */
  shiftMs: 5 * minute,
  /** A rollback that is not verified by then is stuck: people are paged, retries go on. */
  rollbackMs: 10 * minute,
  /** Break glass that is tried and takes longer than this would not have helped. */
  glassMs: 2 * minute,
  restoreEveryMs: 1_000,
  /** A cluster in which the way back cannot be closed does not keep the migration from its end. */
  closeMs: 10 * minute,
  /** The first count after completion; the looks of the last step counted until then. */
  firstCountMs: minute,
  countEveryMs: 5 * minute,
} as const;

type Args = { readonly context: MigrationContext; readonly event: MigrationEvent };

/** The assessment of a look; an event that is no look, or answers an older question, changes nothing. */
function seen({ context, event }: Args): Assessment {
  if (event.type !== 'watch.seen' || event.question !== context.question) return { kind: 'stay', text: '' };
  return assess(context, event.look, event.at);
}

/** Nobody opens a gate with the word for another one, be it of a step before or of another run. */
const isThisGate = ({ context, event }: Args): boolean =>
  event.type === 'approve' && (event.gate === null || event.gate === context.gate?.id);

const isAnswer = ({ context, event }: Args): boolean => 'question' in event && event.question === context.question;

function reasonOf({ context, event }: Args): string {
  if (event.type === 'abort') return `aborted by ${event.actor}`;
  if (event.type === 'rollback') return `rollback asked by ${event.actor}`;
  if (event.type === 'pause') return `paused by ${event.actor}`;
  if (event.type === 'watch.seen') {
    const assessment = seen({ context, event });
    return 'text' in assessment ? assessment.text : '';
  }
  if ('reason' in event) return event.reason;
  return '';
}

/** Holds that only a person ends. */
const personal: ReadonlySet<HoldCause> = new Set(['overtaken', 'unreachable', 'pulledBack', 'gateExpired']);

/** Holds that end by themselves: the weights are as they were again, the new pods are there, or the target answers again. */
function isCauseGone(args: Args): boolean {
  const { context, event } = args;
  if (event.type !== 'watch.seen' || !isAnswer(args)) return false;
  if (context.hold?.cause === 'drift') return event.look.weights === 'agree';
  if (context.hold?.cause === 'restarting') return seen(args).kind !== 'hold' && event.look.restarting === null;
  return context.hold?.cause === 'bothFailing' && seen(args).kind !== 'hold';
}

/** Before there is a baseline there is nothing to compare with. */
function stillShrunk({ baseline, shrunk }: MigrationContext, look: Look): readonly number[] {
  return baseline === null ? [] : shrunkSources(baseline, look.sourcePods, shrunk);
}

/** The fields of the gateways as they are now, and when one of them changed. */
function seenFields(context: MigrationContext, look: Look, atMs: number) {
  const text = gatewayChange(context.spec.routes, context.gatewayFields, look.gatewayFields);
  return {
    gatewayFields: knownFields(context.gatewayFields, look.gatewayFields),
    gatewayChange: text === null ? context.gatewayChange : { text, atMs },
  };
}

/** Sources that shrank since the look before, in words; null where none did. */
export function newlyShrunk({ context, event }: Args): string | null {
  const { baseline, shrunk } = context;
  if (baseline === null || event.type !== 'watch.seen' || event.question !== context.question) return null;
  const news = stillShrunk(context, event.look).filter((index) => !shrunk.includes(index));
  return news.length === 0 ? null : describeShrunk(baseline, event.look.sourcePods, news);
}

/** What a baked step lacks so that it could pass. */
function missingOf({ differences, verdict }: MigrationContext): string {
  if (differences !== '') return differences;
  return verdict?.kind === 'pass' ? 'not every probe is green' : (verdict?.reason ?? 'no data');
}

/** A hold is the answer to a look, or names its own cause. */
function holdOf(args: Args, cause: HoldCause | null): Hold {
  const assessment = seen(args);
  if (assessment.kind === 'hold') return { cause: assessment.cause, text: assessment.text };
  if (cause === 'pulledBack') return { cause, text: `pulled back after: ${args.context.holdWhenVerified ?? ''}` };
  const text = cause === 'noData' ? missingOf(args.context) : reasonOf(args);
  return { cause: cause ?? 'drift', text };
}

/** The words that the machine's diagram is written in: named actions, guards and delays, none of which does anything. */
export const vocabulary = setup({
  types: {
    context: {} as MigrationContext,
    events: {} as MigrationEvent,
    input: {} as MigrationInput,
  },
  actions: {
    ...inertEffects,
    ask: assign({ question: ({ context }) => context.question + 1 }),
    startClock: assign({ movingSinceMs: ({ event }) => event.at ?? 0 }),
    stopClock: assign({
      deadlineLeftMs: ({ context, event }) =>
        Math.max(0, context.deadlineLeftMs - Math.max(0, event.at - context.movingSinceMs)),
    }),
    keepLook: assign(({ context, event }) => {
      if (event.type !== 'watch.seen' || event.question !== context.question) return {};
      const { look } = event;
      return {
        probes: withAnswers(context.probes, look.answers, event.at),
        shrunk: stillShrunk(context, look),
        entries: look.entries,
        ...seenFields(context, look, event.at),
        verdict: look.verdict,
        judging: look.judging,
        observed: look.observed ?? context.observed,
        observedOn: look.observedOn.length > 0 ? look.observedOn : context.observedOn,
        leftovers: look.leftovers,
        differences: look.differences.join('; '),
        backends: look.weights === 'agree' ? look.backends : context.backends,
        isWrittenOtherwise:
          look.weights === 'unknown' ? context.isWrittenOtherwise : look.weights === 'differ' && !look.isAtClbOnly,
        settlingSinceMs: settlingSince(context, look, event.at),
        achieved: look.achieved.length > 0 ? look.achieved : context.achieved,
        achievedSplits: look.achievedSplits.length > 0 ? look.achievedSplits : context.achievedSplits,
      };
    }),
    answerDrift: assign({
      answeredDrift: ({ context, event }) =>
        event.type === 'watch.seen' && event.look.weights === 'differ' ? event.look.cause : context.answeredDrift,
    }),
    holdWhenVerified: assign({ holdWhenVerified: (args) => reasonOf(args) }),
    giveReason: assign({ reason: (args, params: { readonly text: string | null }) => params.text ?? reasonOf(args) }),
    giveMissing: assign({ reason: ({ context }) => `no verdict in time: ${missingOf(context)}` }),
    hold: assign((args, params: { readonly cause: HoldCause | null; readonly text?: string }) => {
      const found = holdOf(args, params.cause);
      const hold = params.text === undefined ? found : { ...found, text: params.text };
      return { hold, waitsFor: personal.has(hold.cause) ? hold : args.context.waitsFor };
    }),
    holdAgain: assign({ hold: ({ context }) => context.waitsFor }),
    goOn: assign({ waitsFor: null }),
    keepPlan: assign(({ event }) =>
      event.type === 'shift.planned'
        ? { goals: event.goals, splits: event.splits, goalsOf: event.question, plannedWrites: event.writes }
        : {},
    ),
    keepVerified: assign(({ event }) =>
      event.type === 'shift.verified' || event.type === 'restore.verified'
        ? // What was observed was observed of another share.
          {
            achieved: event.achieved,
            achievedSplits: event.achievedSplits,
            verifiedAtMs: event.at,
            differences: '',
            blockedBy: null,
            observed: null,
            observedOn: [],
            ...(event.type === 'shift.verified'
              ? { reason: null, leftovers: [], verdict: null }
              : { leftovers: event.leftovers }),
          }
        : {},
    ),
    keepLeftovers: assign(({ event }) => (event.type === 'leftovers.counted' ? { leftovers: event.leftovers } : {})),
    beginRollback: assign({
      blockedBy: null,
      brokeGlass: false,
      gate: null,
      hold: null,
      leftovers: [],
      rollingBackSinceMs: ({ context, event }) => context.rollingBackSinceMs ?? event.at,
    }),
    noteGlass: assign({ brokeGlass: true }),
    measureShift: assign({
      measured: ({ context, event }) =>
        withMeasured(context.measured, {
          what: 'shift',
          share: stepOf(context).share,
          writes: context.plannedWrites,
          ms: event.at - context.movingSinceMs,
        }),
    }),
    measureRollback: assign({
      measured: ({ context, event }) =>
        withMeasured(context.measured, {
          what: 'rollback',
          share: 0,
          writes: null,
          ms: event.at - (context.rollingBackSinceMs ?? event.at),
        }),
    }),
    keepGlass: assign(({ context, event }) => {
      if (event.type !== 'glass.tried') return {};
      const { ms, problem } = event;
      const measured =
        ms === null ? context.measured : withMeasured(context.measured, { what: 'glass', share: 0, writes: null, ms });
      const reason = problem === null ? context.reason : `break glass did not work: ${problem}`;
      return { glassTried: { ms, problem }, measured, reason };
    }),
    giveUpGlass: assign({
      glassTried: { ms: null, problem: 'it was not done in time' },
      reason: 'break glass did not work: it was not done in time',
    }),
    keepBlock: assign({ blockedBy: (args) => reasonOf(args) }),
    release: assign({ hold: null, reason: null }),
    nextStep: assign({ step: ({ context }) => context.step + 1, answeredDrift: null }),
    skipToLast: assign({ step: ({ context }) => lastStage(context), skipsBakes: true }),
    openGate: assign({
      gate: ({ context, event }) => ({
        id: `${context.run}-${context.step + 1}`,
        expiresAtMs: event.at + (stepOf(context).gate?.expiresInMs ?? 0),
      }),
    }),
    closeGate: assign({ gate: null }),
    force: assign({
      isForced: ({ context, event }) => context.isForced || ('isForced' in event && event.isForced === true),
    }),
  },
  guards: {
    isAnswer,
    failsWatch: (args) => seen(args).kind === 'rollback',
    holdsWatch: (args) => seen(args).kind === 'hold',
    correctsHold: (args) => args.context.hold?.cause === 'noData' && seen(args).kind === 'correct',
    correctsWatch: (args) => seen(args).kind === 'correct',
    pullsBackWatch: (args) => seen(args).kind === 'pullBack',
    holdsWhenVerified: (args) => isAnswer(args) && args.context.holdWhenVerified !== null,
    passesWatch: (args) => seen(args).kind === 'pass',
    causeIsGone: (args) => isCauseGone(args),
    isLeftToPerson: (args) => isCauseGone(args) && args.context.waitsFor !== null,
    /** Something else, and worse than waiting, is wrong as well: it becomes the cause. */
    holdsForMore: (args) => {
      const assessment = seen(args);
      return assessment.kind === 'hold' && assessment.cause !== args.context.hold?.cause;
    },
    dataIsBack: (args) => args.context.hold?.cause === 'noData' && seen(args).kind === 'pass',
    windowIsOpen: ({ context, event }) => context.hold?.cause === 'window' && isOpen(context.spec.windows, event.at),
    isOutsideWindow: ({ context, event }) => !isOpen(context.spec.windows, event.at),
    verifiesRehearsal: (args) => isAnswer(args) && args.context.isRehearsal,
    hasRehearsed: ({ context }) => isLastStep(context) && context.isRehearsal,
    /** Not after an abort or a failure: then nothing but the way back is done. */
    isToTryGlass: (args) => isAnswer(args) && args.context.triesGlass && args.context.glassTried === null,
    glassWorked: (args) => isAnswer(args) && args.event.type === 'glass.tried' && args.event.problem === null,
    verifiesLastSkip: (args) => isAnswer(args) && args.context.skipsBakes,
    isHeldByWindow: ({ context }) => context.hold?.cause === 'window',
    isHeldByGate: (args) => args.context.hold?.cause === 'gateExpired' && isThisGate(args),
    hasStep: ({ context }) => context.step >= 0,
    hasVerifiedStep: ({ context }) =>
      context.step >= 0 && !['unreachable', 'overtaken', 'restarting'].includes(context.hold?.cause ?? ''),
    isForcing: ({ event }) => event.type === 'rollback' && event.isForced,
    returns: ({ context }) => isLastStep(context) && context.spec.finish === 'return',
    isLast: ({ context }) => isLastStep(context),
    hasGate: ({ context }) => stepOf(context).gate !== null && !context.skipsBakes,
    isThisGate,
    promotesAll: ({ event }) => event.type === 'promote' && event.all,
    /** What could not be read is no reason to go back. */
    rollsBackWithoutData: ({ context }) =>
      context.spec.analysis.onInsufficient === 'rollback' &&
      context.differences === '' &&
      context.verdict?.kind === 'insufficient',
    gateFallsBack: ({ context }) => stepOf(context).gate?.onExpiry === 'rollback',
    isNewBlock: (args) => isAnswer(args) && 'reason' in args.event && args.event.reason !== args.context.blockedBy,
  },
  delays: {
    preflightLimit: limits.preflightMs,
    shiftLimit: limits.shiftMs,
    rollbackLimit: limits.rollbackMs,
    glassLimit: limits.glassMs,
    deadline: ({ context }) => context.deadlineLeftMs,
    bake: ({ context }) => stepOf(context).bakeMs,
    dataLimit: ({ context }) => stepOf(context).bakeMs + context.spec.analysis.patienceMs,
    gateExpiry: ({ context }) => stepOf(context).gate?.expiresInMs ?? 0,
    undoLimit: ({ context }) => context.spec.undoForMs,
    closeLimit: limits.closeMs,
  },
});
