import type { NoticeKind } from '../src/domain/notice.ts';
import type { MigrationContext } from './context.ts';
import { newlyShrunk, vocabulary } from './vocabulary.ts';

/** Pieces of the machine's diagram that several states share. */

type WithContext = { readonly context: MigrationContext };

/** The step is told as it was when the notice was decided: later actions of the same transition may go on to the next. */
export const tell = <K extends NoticeKind>(kind: K) => ({
  type: 'tell' as const,
  params: ({ context }: WithContext) => ({
    kind,
    step: context.step,
    reason: context.blockedBy ?? context.hold?.text ?? context.reason,
  }),
});
export const because = (text: string | null) => ({ type: 'giveReason' as const, params: { text } });
export const watch = (isNow: boolean) => ({
  type: 'watch' as const,
  params: ({ context }: WithContext) => ({ question: context.question, inMs: isNow ? 0 : context.watchEveryMs }),
});
/** Without a pace of its own it goes on at the pace of the watch: what was set at the CLB is read and set again. */
export const restore = (everyMs: number | null) => ({
  type: 'restore' as const,
  params: ({ context }: WithContext) => ({
    question: context.question,
    isForced: context.isForced,
    everyMs: everyMs ?? context.watchEveryMs,
  }),
});
export const count = (inMs: number) => ({
  type: 'count' as const,
  params: ({ context }: WithContext) => ({ question: context.question, inMs }),
});
export const question = ({ context }: WithContext) => ({ question: context.question });
export const shiftStep = {
  type: 'shift' as const,
  params: ({ context }: WithContext) => ({ question: context.question, step: context.step }),
};
export const tryGlass = { type: 'tryGlass' as const, params: question };
export const emptyBaseline = { type: 'emptyBaseline' as const, params: question };
export const finish = { type: 'finish' as const, params: question };

export const toRollback = { target: '#migration.rollingBack', actions: [because(null), 'force' as const] };
/** The ways back by a person or the watchdog, from every state in which traffic may have moved. */
export const waysBack = { abort: toRollback, rollback: toRollback, 'watchdog.claimed': toRollback } as const;

const verifying = ['measureShift' as const, 'keepVerified' as const, tell('step.verified')];
/** What a step that is verified was for. */
export const verified = [
  {
    guard: 'holdsWhenVerified' as const,
    target: '#migration.held',
    actions: [
      'keepVerified' as const,
      { type: 'hold' as const, params: { cause: 'pulledBack' as const } },
      vocabulary.assign({ holdWhenVerified: null }),
    ],
  },
  { guard: 'verifiesRehearsal' as const, target: '#migration.advancing', actions: verifying },
  { guard: 'verifiesLastSkip' as const, target: '#migration.passing', actions: verifying },
  { guard: 'isAnswer' as const, target: '#migration.progressing.baking', actions: verifying },
];

/** Keeps a look, and tells once of each source that shrank: where it shrinks again after it had grown, once more (E33). */
export const keepLook = vocabulary.enqueueActions(({ context, event, enqueue }) => {
  const shrank = newlyShrunk({ context, event });
  enqueue('keepLook');
  if (shrank !== null) enqueue({ type: 'tell', params: { kind: 'source.shrunk', step: context.step, reason: shrank } });
});

/** What people are told of while the baseline comes back, each once for its cause. */
export const whileRestoring = {
  'restore.blocked': { guard: 'isNewBlock' as const, actions: ['keepBlock' as const, tell('rollback.blocked')] },
  'restore.brokeGlass': { guard: 'isAnswer' as const, actions: ['noteGlass' as const, tell('rollback.brokeGlass')] },
} as const;

export const holdForLook = { type: 'hold' as const, params: { cause: null } };
export const outsideWindow = {
  type: 'hold' as const,
  params: { cause: 'window' as const, text: 'outside its window' },
};
export const failing = {
  guard: 'failsWatch' as const,
  target: '#migration.rollingBack',
  actions: [because(null), keepLook],
};
export const holding = {
  guard: 'holdsWatch' as const,
  target: '#migration.held',
  actions: [holdForLook, keepLook],
};
/** The step is planned and written anew, from what is there now. */
export const correcting = {
  guard: 'correctsWatch' as const,
  target: '#migration.progressing.shifting',
  actions: [because(null), tell('step.corrected'), 'answerDrift' as const, keepLook],
};
export const pullingBack = {
  guard: 'pullsBackWatch' as const,
  target: '#migration.progressing.shifting',
  actions: [because(null), 'holdWhenVerified' as const, tell('step.pulledBack'), 'answerDrift' as const, keepLook],
};
export const passing = { guard: 'passesWatch' as const, target: '#migration.passing', actions: keepLook };
/** Every look that decides nothing is kept, and the next one is asked for. */
export const lookAgain = { guard: 'isAnswer' as const, actions: [keepLook, watch(false)] };
