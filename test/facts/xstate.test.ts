import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  type AnyStateMachine,
  createActor,
  createMachine,
  type ExecutableActionsFrom,
  fromPromise,
  getInitialSnapshot,
  getNextSnapshot,
  initialTransition,
  raise,
  SimulatedClock,
  setup,
  transition,
} from 'xstate';
import { createTestModel, getShortestPaths } from 'xstate/graph';

/** What the library does and does not do where the design leans on it: an update that changes one of these fails here. */

const lamp = setup({
  types: {
    context: {} as { readonly seen: number },
    events: {} as { type: 'press' } | { type: 'again' } | { type: 'late' } | { type: 'break' },
  },
  actions: { note: (_, _params: { readonly what: string }) => undefined },
  delays: { patience: 1_000 },
}).createMachine({
  id: 'lamp',
  initial: 'off',
  context: { seen: 0 },
  on: { late: { actions: { type: 'note', params: { what: 'late' } } } },
  states: {
    off: { on: { press: 'on' } },
    on: {
      entry: { type: 'note', params: { what: 'on' } },
      after: { patience: 'burnt' },
      on: { press: 'off', again: { target: 'on', reenter: true }, break: 'burnt' },
    },
    burnt: { type: 'final' },
  },
});

/** A snapshot as it comes back from a store. */
function stored<T>(snapshot: T): T {
  return JSON.parse(JSON.stringify(snapshot)) as T;
}

const [off] = initialTransition(lamp);
const [on, intoOn] = transition(lamp, off, { type: 'press' });

describe('transition', () => {
  it('gives effects back as data, and runs none', () => {
    let runs = 0;
    const effect = () => {
      runs += 1;
    };
    const machine = setup({ actions: { effect } }).createMachine({ entry: 'effect' });
    const [, actions] = initialTransition(machine);
    expect(actions.map(({ type }) => type)).toEqual(['effect']);
    expect(runs).toBe(0);
  });

  it('hands the resolved params of a named action on', () => {
    expect(intoOn[0]).toMatchObject({ type: 'note', params: { what: 'on' } });
  });

  it('runs the context factory again on every call, without the input, and swallows its throw', () => {
    const inputs: unknown[] = [];
    const machine = createMachine({
      context: ({ input }: { input: unknown }) => {
        inputs.push(input);
        if (input === undefined) throw new Error('no input');
        return { a: 1 };
      },
      on: { go: {} },
    });
    const [first] = initialTransition(machine, { spec: 1 });
    expect(first.context).toEqual({ a: 1 });
    expect(inputs).toContain(undefined);
    const before = inputs.length;
    const [next] = transition(machine, first, { type: 'go' });
    expect(inputs.slice(before)).toEqual([undefined]);
    expect(next.context).toEqual({ a: 1 });
  });

  it('tells a bad start by the status, and a bad guard later by throwing', () => {
    const start = createMachine({
      context: () => {
        throw new Error('bad input');
      },
    });
    expect(initialTransition(start)[0].status).toBe('error');
    const later = setup({
      guards: {
        bad: () => {
          throw new Error('bad guard');
        },
      },
    }).createMachine({ on: { go: { guard: 'bad' } } });
    expect(() => transition(later, initialTransition(later)[0], { type: 'go' })).toThrow('bad guard');
  });

  it('is what tells the actions; getNextSnapshot and getInitialSnapshot hide them', () => {
    expect(getInitialSnapshot(lamp).value).toBe('off');
    expect(getNextSnapshot(lamp, off, { type: 'press' }).value).toBe(on.value);
    expect(getNextSnapshot(lamp, off, { type: 'press' })).not.toHaveProperty('actions');
  });

  it('answers an event that the state has no use for with the same snapshot and no actions', () => {
    const [next, actions] = transition(lamp, off, { type: 'again' });
    expect(next).toBe(off);
    expect(actions).toEqual([]);
    expect(off.can({ type: 'again' })).toBe(false);
    expect(off.can({ type: 'press' })).toBe(true);
  });

  it('still lets a finished machine react to what its root listens to', () => {
    const [done] = transition(lamp, on, { type: 'break' });
    expect(done.status).toBe('done');
    const [, actions] = transition(lamp, done, { type: 'late' });
    expect(actions).toMatchObject([{ type: 'note', params: { what: 'late' } }]);
  });
});

describe('types', () => {
  it('of the actions cannot be told apart as soon as one of them has no params: effects are narrowed by our own guard', () => {
    const allWithParams = setup({ actions: { one: (_, _params: { readonly a: 1 }) => undefined } }).createMachine({});
    const oneWithout = setup({
      actions: { one: (_, _params: { readonly a: 1 }) => undefined, two: () => undefined },
    }).createMachine({});
    type Params<T extends AnyStateMachine> = Extract<ExecutableActionsFrom<T>, { type: 'one' }>['params'];
    // Checked by tsc, which runs over the tests as well.
    expectTypeOf<Params<typeof allWithParams>>().toEqualTypeOf<{ readonly a: 1 }>();
    expectTypeOf<Params<typeof oneWithout>>().toBeNever();
    expect(initialTransition(allWithParams)[1]).toEqual(initialTransition(oneWithout)[1]);
  });
});

describe('timers', () => {
  it('come as a raise with the resolved delay and an id of the delay and the state', () => {
    expect(intoOn[1]).toMatchObject({
      type: 'xstate.raise',
      params: { delay: 1_000, id: 'xstate.after.patience.lamp.on', event: { type: 'xstate.after.patience.lamp.on' } },
    });
  });

  it('are cancelled by id when the state is left, and first cancelled, then set again when it is entered anew', () => {
    const leaving = transition(lamp, on, { type: 'press' })[1];
    expect(leaving).toMatchObject([{ type: 'xstate.cancel', params: { sendId: 'xstate.after.patience.lamp.on' } }]);
    const again = transition(lamp, on, { type: 'again' })[1];
    expect(again.map(({ type }) => type)).toEqual(['xstate.cancel', 'note', 'xstate.raise']);
  });

  it('with a number for a delay carry the number in their id, so that a changed duration is another timer', () => {
    const machine = createMachine({ id: 'm', initial: 'a', states: { a: { after: { 500: 'b' } }, b: {} } });
    expect(initialTransition(machine)[1]).toMatchObject([{ params: { id: 'xstate.after.500.m.a' } }]);
  });

  it('fire when somebody sends their event: it must not be let in from outside', () => {
    const [next] = transition(lamp, on, { type: 'xstate.after.patience.lamp.on' } as never);
    expect(next.value).toBe('burnt');
  });

  it('are not set again when a stored actor is started: only rows of our own last', () => {
    const clock = new SimulatedClock();
    const fresh = createActor(lamp, { snapshot: off, clock }).start();
    fresh.send({ type: 'press' });
    clock.increment(2_000);
    expect(fresh.getSnapshot().value).toBe('burnt');
    const restored = createActor(lamp, { snapshot: stored(on), clock }).start();
    clock.increment(2_000);
    expect(restored.getSnapshot().value).toBe('on');
    restored.stop();
  });

  it('without a delay are spent within the same transition, and still appear in the list', () => {
    const machine = setup({ types: { events: {} as { type: 'go' } | { type: 'inner' } } }).createMachine({
      initial: 'a',
      states: {
        a: { on: { go: 'b' } },
        b: { entry: raise({ type: 'inner' }), on: { inner: 'c' } },
        c: {},
      },
    });
    const [next, actions] = transition(machine, initialTransition(machine)[0], { type: 'go' });
    expect(next.value).toBe('c');
    const raised = actions.filter(({ type }) => type === 'xstate.raise');
    expect(raised.map(({ params }) => (params as { delay?: number }).delay)).toEqual([undefined]);
  });
});

describe('what is stored', () => {
  it('an invoked promise runs again on every restore', async () => {
    let runs = 0;
    const machine = setup({
      actors: {
        work: fromPromise(async () => {
          runs += 1;
          await new Promise(() => undefined);
        }),
      },
    }).createMachine({ invoke: { src: 'work' } });
    const first = createActor(machine).start();
    const snapshot = stored(first.getPersistedSnapshot());
    first.stop();
    const second = createActor(machine, { snapshot }).start();
    expect(runs).toBe(2);
    second.stop();
  });

  it('is revived by resolveState, which knows its states again and refuses one that is gone', () => {
    const revived = lamp.resolveState({ value: on.value, context: on.context });
    expect(transition(lamp, revived, { type: 'break' })[0].value).toBe('burnt');
    expect(() => lamp.resolveState({ value: 'dimmed' as never, context: on.context })).toThrow(
      /dimmed.*does not exist/,
    );
  });

  it('revived by a new actor that never starts turns into an error without a throw, where the state is gone', () => {
    const gone = { ...stored(on), value: 'dimmed' } as never;
    expect(createActor(lamp, { snapshot: gone }).getSnapshot().status).toBe('error');
  });

  it('loses its history when it is revived by resolveState, in silence: no history states', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          initial: 'x',
          states: { x: { on: { next: 'y' } }, y: {}, last: { type: 'history', history: 'deep' } },
          on: { away: 'b' },
        },
        b: { on: { back: '#m.a.last' } },
      },
    });
    const [y] = transition(machine, initialTransition(machine)[0], { type: 'next' });
    const [b] = transition(machine, y, { type: 'away' });
    expect(transition(machine, b, { type: 'back' })[0].value).toEqual({ a: 'y' });
    const { value, context, historyValue } = stored(b);
    const revived = machine.resolveState({ value, context, historyValue } as never);
    expect(transition(machine, revived, { type: 'back' })[0].value).toEqual({ a: 'x' });
  });

  it('of an older machine enters the first child of a state that has children now, and has no default for new context', () => {
    const newer = createMachine({
      types: {} as { context: { seen: number; added?: number } },
      context: { seen: 0, added: 1 },
      initial: 'off',
      states: { off: {}, on: { initial: 'warm', states: { warm: {}, hot: {} } } },
    });
    const revived = newer.resolveState({ value: 'on' as never, context: { seen: 3 } });
    expect(revived.value).toEqual({ on: 'warm' });
    expect(revived.context.added).toBeUndefined();
  });

  it('carries its own machine: delays of a provided copy are not used on the snapshot of the original', () => {
    const copy = lamp.provide({ delays: { patience: 5 } });
    const [, actions] = transition(copy, off, { type: 'press' });
    expect(actions[1]).toMatchObject({ params: { delay: 1_000 } });
  });
});

describe('loops and paths', () => {
  it('an endless always is stopped where maxIterations says so, and only there', () => {
    const endless = { c: { always: { target: 'b' } }, b: { always: { target: 'c' } } };
    const states = { a: { on: { go: 'c' } }, ...endless };
    const machine = createMachine({ initial: 'a', options: { maxIterations: 20 }, states } as never);
    const [start] = initialTransition(machine);
    expect(() => transition(machine, start, { type: 'go' } as never)).toThrow(/more than 20 microsteps/);
    const atOnce = createMachine({ initial: 'c', options: { maxIterations: 20 }, states } as never);
    const [snapshot] = initialTransition(atOnce);
    expect(snapshot).toMatchObject({ status: 'error', error: { message: expect.stringContaining('20 microsteps') } });
  });

  it('getShortestPaths walks timers when their events are given', () => {
    const events = [{ type: 'press' }, { type: 'xstate.after.patience.lamp.on' }] as never;
    const paths = getShortestPaths(lamp, { events });
    expect(paths.map(({ state }) => state.value)).toContain('burnt');
  });

  it('createTestModel refuses a machine with timers', () => {
    expect(() => createTestModel(lamp as never)).toThrow(/After events/);
  });
});
