import { assign } from 'xstate';
import { goalOf } from '../src/domain/baseline.ts';
import { initialContext, plannedEnds } from './context.ts';
import {
  because,
  correcting,
  count,
  emptyBaseline,
  failing,
  finish,
  holdForLook,
  holding,
  keepLook,
  lookAgain,
  outsideWindow,
  passing,
  pullingBack,
  question,
  restore,
  shiftStep,
  tell,
  toRollback,
  tryGlass,
  verified,
  watch,
  waysBack,
  whileRestoring,
} from './transitions.ts';
import { limits, vocabulary } from './vocabulary.ts';

/** Raised with every change that the snapshot of an older record would not fit. */
export const machineVersion = 1;

/**
 * One migration, from its preflight to a final state. Decides and never acts: effects are inert names (effects.ts),
 * `after` becomes durable timers, and time comes with the events.
 */
export const migrationMachine = vocabulary.createMachine({
  id: 'migration',
  context: ({ input }) => initialContext(input),
  initial: 'preflighting',
  states: {
    preflighting: {
      initial: 'checking',
      after: { preflightLimit: { target: 'refused', actions: because('the preflight did not finish in time') } },
      on: { abort: { target: 'refused', actions: because(null) } },
      states: {
        checking: {
          entry: ['ask', { type: 'preflight', params: question }],
          on: {
            'preflight.passed': {
              guard: 'isAnswer',
              target: 'keeping',
              actions: assign({
                baseline: ({ event }) => event.baseline,
                // Told with the start; the first verified shift is the end of it.
                reason: ({ event }) => event.remark,
                goals: ({ event }) => event.baseline.routes.map(goalOf),
                splits: ({ event }) => event.baseline.subsets.map(({ split }) => split),
              }),
            },
            'preflight.refused': { guard: 'isAnswer', target: '#migration.refused', actions: because(null) },
          },
        },
        // Nothing may move before there is a way back that does not need us.
        keeping: {
          entry: ['ask', { type: 'keepBaseline', params: question }],
          on: {
            'baseline.kept': { guard: 'isAnswer', target: '#migration.resuming', actions: tell('started') },
            'baseline.notKept': { guard: 'isAnswer', target: '#migration.refused', actions: because(null) },
          },
        },
      },
    },

    // Where to begin, or to go on after a hold or a pause. Never rests.
    resuming: {
      entry: 'goOn',
      always: [
        { guard: 'hasStep', target: 'progressing' },
        { guard: 'isOutsideWindow', target: 'held', actions: outsideWindow },
        { target: 'progressing', actions: 'nextStep' },
      ],
    },

    progressing: {
      initial: 'shifting',
      entry: 'goOn',
      on: { ...waysBack, pause: { target: 'paused', actions: because(null) } },
      states: {
        shifting: {
          entry: [assign({ isBaked: false, gate: null }), 'startClock', 'ask', shiftStep],
          exit: 'stopClock',
          after: {
            deadline: { target: '#migration.rollingBack', actions: because('the deadline passed') },
            shiftLimit: { target: '#migration.rollingBack', actions: because('the shift was not verified in time') },
          },
          on: {
            'shift.planned': {
              guard: 'isAnswer',
              actions: ['keepPlan', shiftStep],
            },
            'shift.unreachable': {
              guard: 'isAnswer',
              target: '#migration.held',
              actions: { type: 'hold', params: { cause: 'unreachable' } },
            },
            'shift.postponed': {
              guard: 'isAnswer',
              target: '#migration.held',
              actions: { type: 'hold', params: { cause: 'restarting' } },
            },
            'shift.overtaken': {
              guard: 'isAnswer',
              target: '#migration.held',
              actions: { type: 'hold', params: { cause: 'overtaken' } },
            },
            'shift.failed': { guard: 'isAnswer', target: '#migration.rollingBack', actions: because(null) },
            'shift.verified': verified,
          },
        },
        baking: {
          entry: ['startClock', 'ask', watch(true)],
          exit: 'stopClock',
          after: {
            bake: { actions: assign({ isBaked: true }) },
            dataLimit: [
              { guard: 'rollsBackWithoutData', target: '#migration.rollingBack', actions: 'giveMissing' },
              { target: '#migration.held', actions: { type: 'hold', params: { cause: 'noData' } } },
            ],
            deadline: { target: '#migration.rollingBack', actions: because('the deadline passed') },
          },
          on: {
            'watch.seen': [failing, pullingBack, correcting, holding, passing, lookAgain],
            promote: [
              { guard: 'promotesAll', target: 'shifting', actions: 'skipToLast' },
              { target: '#migration.advancing' },
            ],
          },
        },
        gated: {
          entry: ['openGate', 'ask', tell('gate.opened'), watch(false)],
          after: {
            gateExpiry: [
              { guard: 'gateFallsBack', target: '#migration.rollingBack', actions: because('the gate expired') },
              {
                target: '#migration.held',
                actions: { type: 'hold', params: { cause: 'gateExpired', text: 'the gate expired without an answer' } },
              },
            ],
          },
          on: {
            'watch.seen': [failing, pullingBack, correcting, holding, lookAgain],
            approve: { guard: 'isThisGate', target: '#migration.advancing' },
            promote: [
              { guard: 'promotesAll', target: 'shifting', actions: 'skipToLast' },
              { target: '#migration.advancing' },
            ],
          },
        },
      },
    },

    // A step proved itself. Never rests.
    passing: {
      entry: tell('step.passed'),
      always: [{ guard: 'hasGate', target: 'progressing.gated' }, { target: 'advancing' }],
    },
    // Where to go from a step that is done. Never rests.
    advancing: {
      entry: 'goOn',
      always: [
        {
          guard: 'hasRehearsed',
          target: 'rollingBack',
          actions: [because(plannedEnds.rehearsal), assign({ triesGlass: true })],
        },
        { guard: 'returns', target: 'rollingBack', actions: because(plannedEnds.canary) },
        { guard: 'isLast', target: 'completed' },
        { guard: 'isOutsideWindow', target: 'held', actions: outsideWindow },
        { target: 'progressing', actions: 'nextStep' },
      ],
    },

    held: {
      entry: ['ask', tell('held'), watch(false)],
      exit: 'release',
      on: {
        ...waysBack,
        'watch.seen': [
          failing,
          pullingBack,
          { guard: 'isLeftToPerson', target: 'held', reenter: true, actions: ['holdAgain', keepLook] },
          { guard: 'causeIsGone', target: 'resuming', actions: [keepLook, tell('resumed')] },
          { guard: 'dataIsBack', target: 'passing', actions: keepLook },
          { ...correcting, guard: 'correctsHold' },
          { guard: 'windowIsOpen', target: 'progressing', actions: [keepLook, 'nextStep', tell('resumed')] },
          { guard: 'holdsForMore', target: 'held', reenter: true, actions: [holdForLook, keepLook] },
          lookAgain,
        ],
        resume: [{ guard: 'isHeldByWindow' }, { target: 'resuming', actions: tell('resumed') }],
        approve: { guard: 'isHeldByGate', target: 'advancing' },
        promote: [
          { guard: 'promotesAll', target: 'progressing', actions: 'skipToLast' },
          { guard: 'isHeldByWindow', target: 'progressing', actions: 'nextStep' },
          { guard: 'hasVerifiedStep', target: 'advancing' },
        ],
        pause: { target: 'paused', actions: because(null) },
      },
    },

    paused: {
      entry: ['ask', tell('paused'), watch(false)],
      on: {
        ...waysBack,
        'watch.seen': [failing, pullingBack, lookAgain],
        resume: { target: 'resuming', actions: ['release', tell('resumed')] },
      },
    },

    rollingBack: {
      entry: ['ask', 'beginRollback', tell('rollback.started'), restore(limits.restoreEveryMs)],
      after: { rollbackLimit: 'stuck' },
      on: {
        'restore.verified': [
          { guard: 'isToTryGlass', target: 'tryingGlass', actions: ['measureRollback', 'keepVerified'] },
          { guard: 'isAnswer', target: 'rolledBack', actions: ['measureRollback', 'keepVerified'] },
        ],
        ...whileRestoring,
        rollback: { guard: 'isForcing', target: 'rollingBack', reenter: true, actions: 'force' },
      },
    },
    // Only in a rehearsal, with the baseline back and verified. What goes wrong here is mended by a rollback.
    tryingGlass: {
      entry: ['ask', assign({ rollingBackSinceMs: null }), tryGlass],
      after: {
        glassLimit: { target: 'rollingBack', actions: 'giveUpGlass' },
      },
      on: {
        ...waysBack,
        'glass.tried': [
          { guard: 'glassWorked', target: 'rolledBack', actions: 'keepGlass' },
          { guard: 'isAnswer', target: 'rollingBack', actions: 'keepGlass' },
        ],
      },
    },
    stuck: {
      entry: ['ask', tell('stuck'), restore(null)],
      on: {
        'restore.verified': { guard: 'isAnswer', target: 'rolledBack', actions: 'keepVerified' },
        ...whileRestoring,
        retry: 'rollingBack',
        rollback: { guard: 'isForcing', target: 'rollingBack', actions: 'force' },
        approve: { target: 'closed', actions: because('accepted as it is') },
      },
    },

    completed: {
      entry: ['ask', tell('completed'), count(limits.firstCountMs)],
      after: { undoLimit: 'closing' },
      on: {
        rollback: toRollback,
        'watchdog.claimed': toRollback,
        'leftovers.counted': { guard: 'isAnswer', actions: ['keepLeftovers', count(limits.countEveryMs)] },
      },
    },
    // What somebody brought back without the store must not be called arrived (rule 9).
    closing: {
      entry: ['ask', emptyBaseline],
      after: { closeLimit: 'closed' },
      on: {
        'watchdog.claimed': toRollback,
        'baseline.inUse': { guard: 'isAnswer', target: 'rollingBack', actions: because(null) },
        'baseline.emptied': { guard: 'isAnswer', target: 'closed' },
      },
    },

    refused: { type: 'final', entry: [finish, tell('refused')] },
    rolledBack: { type: 'final', entry: [finish, tell('rolledback')] },
    closed: { type: 'final', entry: [finish, tell('closed')] },
  },
});
