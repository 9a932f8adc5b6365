import { initialContext } from '../../state-machines/context.ts';
import { migrationMachine } from '../../state-machines/migration.ts';
import { keepLook } from '../../state-machines/transitions.ts';
import { aSpec } from '../fixtures/builders.ts';
import { alphabet } from './alphabet.ts';

/** The machine's transitions as a page for reviewers: every state with every event, what it leads to, or that it is ignored. */

interface Transition {
  readonly guard?: unknown;
  readonly target?: readonly Node[] | undefined;
  readonly reenter: boolean;
  readonly actions: readonly unknown[];
}

interface Node {
  readonly path: readonly string[];
  readonly type: string;
  readonly parent?: Node | undefined;
  readonly states: Readonly<Record<string, Node>>;
  readonly initial?: { readonly target: readonly Node[] };
  readonly always?: readonly Transition[] | undefined;
  readonly entry: readonly unknown[];
  readonly exit: readonly unknown[];
  readonly transitions: ReadonlyMap<string, readonly Transition[]>;
}

export interface Row {
  readonly state: string;
  /** Type of the event; `after <delay>` for the machine's own; `always` for a state that never rests. */
  readonly event: string;
  readonly guard: string;
  /** Empty where the state stays. */
  readonly target: string;
  readonly actions: readonly string[];
}

/** For the words of an effect, none of which depend on it. */
const anyContext = initialContext({ spec: aSpec(), run: 'run-1', watchEveryMs: 5_000 });
const root = migrationMachine.root as unknown as Node;
const leaves = descendants(root).filter(({ states }) => Object.keys(states).length === 0);

/** Every row of every leaf, those that it has from its parents included; `ignored` has none. */
export const rows: readonly Row[] = leaves.flatMap(rowsOf);
export const stateNames: readonly string[] = leaves.map(nameOf);
export const eventTypes: readonly string[] = Object.keys(alphabet);

/** Types that the machine itself names, timers apart. */
export const machineEventTypes: readonly string[] = migrationMachine.events.filter(
  (type) => !type.startsWith('xstate.'),
);

const outcomes = new Map<string, ReadonlySet<string>>();

/** What the machine may come to rest in, when this event comes in this state; the state itself where it stays. */
export function outcomesOf(state: string, event: string): ReadonlySet<string> {
  const key = `${state} ${event}`;
  const known = outcomes.get(key);
  if (known !== undefined) return known;
  const own = rows.filter((row) => row.state === state && row.event === event);
  const found = new Set(own.flatMap(({ target }) => restingFrom(target || state, 10)));
  outcomes.set(key, found);
  return found;
}

export function page(): string {
  const intro = [
    '# Every state and every event',
    '',
    'Written from the machine by `npx vitest run --project unit test/machine/transitions.test.ts -u`, and compared with it in every',
    'test run: a change of the machine changes this page, so that it is reviewed. In each state the first row whose guard holds is',
    'taken. `(of …)` marks a row that the state has from the state around it. An answer to an older question is always ignored.',
    'A final state takes nothing at all.',
    '',
  ];
  return `${[...intro, ...leaves.flatMap(section)].join('\n').trimEnd()}\n`;
}

function section(node: Node): readonly string[] {
  const own = rowsOf(node);
  const handled = new Set(own.map(({ event }) => event));
  const ignored = eventTypes.filter((type) => !handled.has(type));
  // Its timers are rows: what starts and ends them says nothing more.
  const doing = (what: string, actions: readonly unknown[]) => {
    const names = actions.map(actionName).filter((name) => !name.startsWith('xstate.'));
    return names.length === 0 ? [] : [`${what}: ${names.join(', ')}.`, ''];
  };
  const lines = [`## ${nameOf(node)}`, '', ...doing('On entry', node.entry), ...doing('On exit', node.exit)];
  if (node.type === 'final') return [...lines, 'Final: every event is ignored.', ''];
  const table = [
    '| event | when | goes to | does |',
    '| --- | --- | --- | --- |',
    ...own.map(({ event, guard, target, actions }) =>
      `| ${event} | ${guard} | ${target || 'stays'} | ${actions.join(', ')} |`.replace(/ {2,}/g, ' '),
    ),
  ];
  const rest = node.always === undefined || node.always.length === 0 ? ['', `Ignored: ${ignored.join(', ')}.`] : [];
  return [...lines, ...table, ...rest, ''];
}

function rowsOf(node: Node): readonly Row[] {
  const state = nameOf(node);
  if (node.type === 'final') return [];
  if (node.always !== undefined && node.always.length > 0) {
    return node.always.map((transition) => rowOf(state, 'always', transition));
  }
  const chain = ancestors(node);
  return chain.flatMap((one) => {
    const suffix = one === node ? '' : ` (of ${nameOf(one)})`;
    return [...one.transitions]
      .filter(([type]) => type !== '')
      .flatMap(([type, transitions]) => transitions.map((each) => rowOf(state, eventName(type), each, suffix)));
  });
}

function rowOf(state: string, event: string, transition: Transition, suffix = ''): Row {
  const [target] = transition.target ?? [];
  const goesTo = target === undefined ? '' : nameOf(target);
  const guard = transition.guard === undefined ? suffix.trim() : `${String(transition.guard)}${suffix}`;
  const actions = transition.actions.map(actionName);
  return { state, event, guard, target: goesTo, actions: transition.reenter ? ['enters anew', ...actions] : actions };
}

/** `xstate.after.bake.migration.progressing.baking` -> `after bake`. */
function eventName(type: string): string {
  const delay = /^xstate\.after\.(\w+)\./.exec(type)?.[1];
  return delay === undefined ? type : `after ${delay}`;
}

function actionName(action: unknown): string {
  if (typeof action === 'string') return action;
  if (action === keepLook) return 'keepLook';
  const { type, params, assignment } = action as { type: string; params?: unknown; assignment?: object };
  if (type === 'xstate.assign' && assignment !== undefined) return `set ${Object.keys(assignment).join(' and ')}`;
  const given = typeof params === 'function' ? params({ context: anyContext }) : params;
  const said = given as { kind?: string; cause?: string | null; text?: string | null } | undefined;
  const detail = said?.kind ?? said?.text ?? said?.cause ?? '';
  return detail === '' ? type : `${type} "${detail}"`;
}

function restingFrom(state: string, depth: number): readonly string[] {
  if (depth === 0) throw new Error(`from ${state} on it never comes to rest`);
  const node = descendants(root).find((one) => nameOf(one) === state);
  if (node === undefined) throw new Error(`no state ${state}`);
  const first = node.initial?.target[0];
  if (first !== undefined) return restingFrom(nameOf(first), depth - 1);
  const always = node.always ?? [];
  if (always.length === 0) return [state];
  return always.flatMap(({ target }) => restingFrom(nameOf(target?.[0] as Node), depth - 1));
}

function descendants(node: Node): readonly Node[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendants(child)]);
}

function ancestors(node: Node): readonly Node[] {
  return node.parent === undefined || node.parent.path.length === 0 ? [node] : [node, ...ancestors(node.parent)];
}

function nameOf({ path }: Node): string {
  return path.join('.');
}
