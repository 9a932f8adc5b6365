import { setTimeout as wait } from 'node:timers/promises';
import { type ApiClient, apiClient, CannotReachError, RefusedError } from '../../src/cli/client.ts';
import type { MigrationView } from '../../src/domain/view.ts';
import { TransientError } from '../../src/ports/errors.ts';
import type { Stage } from './stage.ts';
import { lookOut, trafficOf, weightsIn } from './traffic.ts';

/** Per cent that the canary asks for, in its one step. */
const asked = 60;
const tolerance = 2;

/** One migration during which something happens, and what must hold at its end. */
export interface Play {
  /** Fields of `spec` in place of the canary's own. */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** The moment, by what people are shown. */
  readonly when: (view: MigrationView) => boolean;
  /** Something goes wrong. */
  readonly strike: (cast: Cast) => void | Promise<void>;
  /** How long that lasts in sandbox time, or until when. */
  readonly lasts: number | ((cast: Cast) => boolean | Promise<boolean>);
  readonly mend: (cast: Cast) => void | Promise<void>;
  readonly end: End;
}

export interface End {
  readonly state: string;
  readonly reason: RegExp;
  /** Kinds that the history has to have, each somewhere. */
  readonly history: readonly string[];
  /** What chat has to have been sent. */
  readonly told: RegExp;
}

/** Who plays: the stage, and what is to be asked of the migration that is on. */
export interface Cast {
  readonly stage: Stage;
  readonly name: string;
  readonly api: ApiClient;
  readonly signal: AbortSignal;
  /** The migration as people see it, null where it cannot be asked for now. */
  view(): Promise<MigrationView | null>;
  isBaselineBack(): boolean;
}

/** The canary went to its share, passed, and came back: nobody would know that anything went wrong. */
export const unharmed: End = {
  state: 'rolledBack',
  reason: /^the canary is over$/,
  history: ['started', 'step.verified', 'step.passed', 'rollback.started', 'rolledback'],
  told: /the baseline is back, verified at the CLB/,
};

/** A rule that did not hold. */
export class BrokenRule extends Error {
  override readonly name = 'BrokenRule';
}

const lookEveryMs = 40;
const startMsMax = 40_000;
const momentMsMax = 60_000;
const lastsMsMax = 180_000;
const endMsMax = 120_000;

/** Plays it to its end, on a stage where nothing is under way. @throws BrokenRule with every rule that did not hold */
export async function play(stage: Stage, name: string, given: Play, signal: AbortSignal): Promise<MigrationView> {
  const cast = castOf(stage, name, signal);
  const out = lookOut(stage.sandbox);
  const before = weightsIn(trafficOf(stage.sandbox));
  try {
    await start(cast, given.spec ?? {});
    const atMoment = async () => {
      const view = await cast.view();
      if (view?.isFinal) throw new BrokenRule(`it ended before its moment: ${view.state}: ${view.reason}`);
      return view !== null && given.when(view);
    };
    await until('the moment has come', atMoment, momentMsMax, signal);
    await given.strike(cast);
    await last(cast, given);
    await given.mend(cast);
    const view = await until('it has come to an end', async () => endOf(await cast.view()), endMsMax, signal);
    const problems = [
      ...problemsOfTraffic(out.seen(), before, weightsIn(trafficOf(stage.sandbox))),
      ...(await problemsOfEnd(cast, view, given.end)),
    ];
    if (problems.length > 0) throw new BrokenRule(problems.join('; '));
    return view;
  } finally {
    await out.stop();
  }
}

async function last(cast: Cast, { lasts }: Play): Promise<void> {
  const { signal, stage } = cast;
  if (typeof lasts === 'number') await wait(lasts / stage.sandbox.clock.speed, undefined, { signal });
  else await until('what was waited for has come', () => lasts(cast), lastsMsMax, signal);
}

function castOf(stage: Stage, name: string, signal: AbortSignal): Cast {
  const { url, token } = stage.sandbox.description.functions;
  const api = apiClient({ server: url ?? '', token });
  const before = weightsIn(trafficOf(stage.sandbox));
  return {
    ...{ stage, name, api, signal },
    view: () => orNull(api.get<MigrationView>(`/v1/migrations/${name}`)),
    isBaselineBack: () => weightsIn(trafficOf(stage.sandbox)) === before,
  };
}

/** Null where it cannot be answered now: while a part is away that is no wonder. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CannotReachError || error instanceof TransientError) return null;
    if (error instanceof RefusedError && error.status === 404) return null;
    throw error;
  }
}

/** Starts the canary; one whose answer was lost is started already. */
async function start(cast: Cast, spec: Readonly<Record<string, unknown>>): Promise<void> {
  const file = {
    apiVersion: 'sluice/v1',
    kind: 'Migration',
    metadata: { name: cast.name },
    spec: { ...canary, ...spec },
  };
  const started = async () => {
    if ((await cast.view()) !== null) return true;
    try {
      return (await orNull(cast.api.post('/v1/migrations', file))) !== null;
    } catch (error) {
      // The claims of the migration before are still being given back.
      if (error instanceof RefusedError && error.status === 409) return false;
      throw error;
    }
  };
  await until('it has started', started, startMsMax, cast.signal);
}

const canary = {
  source: 'istio-system/istio-ingressgateway',
  target: 'istio-system/ingressgateway-asm',
  probe: { host: 'shop.example.com', path: '/productpage', every: '5s', timeout: '30s' },
  steps: [{ share: asked, bake: '10s' }],
  finish: 'return',
  settle: '0s',
  // What it takes to count five requests on a busy machine is not what these are about.
  analysis: { errorRate: { harmBudget: '50%', minRequests: 5 }, patience: '24h' },
  notify: ['ops'],
};

function endOf(view: MigrationView | null): MigrationView | null {
  return view?.isFinal ? view : null;
}

function problemsOfTraffic(seen: ReturnType<ReturnType<typeof lookOut>['seen']>, before: string, after: string) {
  return [
    ...(seen.shareMax > asked + tolerance
      ? [`the target got ${seen.shareMax.toFixed(1)} per cent, asked was ${asked}`]
      : []),
    ...seen.dark.map((group) => `${group} had no weight on any healthy backend`),
    ...(seen.lost > 0 ? [`${seen.lost} requests were lost`] : []),
    ...(after === before ? [] : [`the baseline is not back: ${after.replaceAll('\n', ', ')}`]),
  ];
}

interface History {
  readonly history: readonly { readonly kind: string; readonly text: string }[];
}

async function problemsOfEnd(cast: Cast, view: MigrationView, end: End): Promise<readonly string[]> {
  const isTold = () => chatAbout(cast).some((text) => end.told.test(text));
  const toldInTime = until('people were told', isTold, endMsMax / 4, cast.signal).then(
    () => true,
    () => false,
  );
  const asking = () => orNull(cast.api.get<History>(`/v1/migrations/${cast.name}/history`));
  const { history } = await until('the history is shown', asking, endMsMax / 4, cast.signal);
  const kinds = history.map(({ kind }) => kind);
  const missing = end.history.filter((kind) => !kinds.includes(kind));
  return [
    ...(view.state === end.state ? [] : [`it ended ${view.state}, not ${end.state}`]),
    ...(end.reason.test(view.reason ?? '') ? [] : [`the record says "${view.reason}", not ${end.reason}`]),
    ...(missing.length === 0 ? [] : [`the history has no ${missing.join(', ')}: ${kinds.join(', ')}`]),
    ...((await toldInTime) ? [] : [`chat was not told ${end.told}`]),
  ];
}

function chatAbout({ stage, name }: Cast): readonly string[] {
  const messages = stage.sandbox.controls.chat() as readonly unknown[];
  return messages.map((one) => JSON.stringify(one)).filter((text) => text.includes(name));
}

/** Asks again until the answer is neither false nor null. @throws BrokenRule when that takes too long */
export async function until<T>(
  what: string,
  holds: () => T | Promise<T>,
  withinMs: number,
  signal: AbortSignal,
): Promise<NonNullable<T>> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    signal.throwIfAborted();
    const value = await holds();
    if (value) return value;
    if (Date.now() > endMs) throw new BrokenRule(`${what}: not within ${withinMs / 1000} s`);
    await wait(lookEveryMs, undefined, { signal });
  }
}
