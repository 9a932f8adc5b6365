import type { MigrationRecord } from '../../src/domain/record.ts';
import type { Side, Window } from '../../src/domain/spec.ts';
import { stagesOf } from '../../src/domain/stages.ts';
import type { Sample } from '../../src/domain/verdict.ts';
import type { HistoryEntry } from '../../src/ports/migration-store.ts';
import { type Commit, contextOf, type Facts, goalsOf, isRollingBack, missedShare, wasAsAsked } from './facts.ts';
import type { Instance } from './instance.ts';

/** Time in these counts against the deadline. */
export const movingStates: ReadonlySet<string> = new Set(['progressing.shifting', 'progressing.baking']);
/**
 * So bad that no way to judge may call it good: points of error rate above the margin, in so many intervals, each with so many
 * requests; of many requests fewer intervals are enough.
 */
const blatant = { points: 0.1, sourceRate: 0.02 } as const;
const enough = [
  { intervals: 10, requests: 20 },
  { intervals: 6, requests: 300 },
] as const;
/** Errors per request that are nobody's: a thousandth, rounded. */
const noise = 0.001;
/** A sample that is seen so soon after its interval is told in time, whatever the judge waits for. */
const inTimeMs = 12_000;

interface Looked {
  readonly question: number;
  readonly isBad: boolean;
}

/** Rule 4: forward only on evidence, back at once on failure; and what counts as time to move. */
export class EvidenceRules {
  readonly #facts: Facts;
  readonly #looks = new WeakMap<Instance, Map<string, Looked>>();
  readonly #answers = new WeakMap<Instance, Map<Side, boolean>>();
  readonly #inTime = new Set<string>();
  readonly #movedMs = new Map<string, number>();
  /** When each step of a run was verified first. */
  readonly #verifiedAtMs = new Map<string, number>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** How long a run was on the move so far. */
  movedMs(run: string): number {
    return this.#movedMs.get(run) ?? 0;
  }

  probed(instance: Instance, side: Side, isOk: boolean): void {
    const known = this.#answers.get(instance) ?? new Map<Side, boolean>();
    this.#answers.set(instance, known.set(side, isOk));
  }

  looked(instance: Instance, name: string, samples: readonly Sample[]): void {
    const { nowMs } = this.#facts.world.scheduler;
    for (const one of samples) if (one.fromMs + one.ms >= nowMs - inTimeMs) this.#inTime.add(keyOf(one));
    const record = this.#facts.records.get(name);
    const watch = record?.outbox.find(({ effect }) => effect.type === 'watch');
    if (record === undefined || watch === undefined) return;
    const looks = this.#looks.get(instance) ?? new Map<string, Looked>();
    const question = Number(watch.effect.params['question']);
    this.#looks.set(instance, looks.set(name, { question, isBad: this.#isBlatant(record, samples) }));
  }

  committed({ instance, before, next, history }: Commit): void {
    if (before === null || before.run !== next.run) return;
    if (movingStates.has(before.state)) {
      this.#movedMs.set(next.run, this.movedMs(next.run) + Math.max(0, next.updatedAtMs - before.updatedAtMs));
    }
    if (hasLooked(before, next, history)) {
      this.#checkActed(next);
      this.#checkProbes(before, next);
    }
    this.#checkVerdict(instance, before, next);
    this.#checkCause(before, next);
    this.#checkForward(before, next, history);
    if (history.some(({ kind }) => kind === 'step.passed')) this.#checkPassing(instance, before, next);
    this.#checkTimes(before, next);
  }

  /** A verdict acts in the commit that keeps it, never one tick later. */
  #checkActed(next: MigrationRecord): void {
    const { verdict, hold } = contextOf(next);
    const isHeldForBoth = next.state === 'held' && hold?.cause === 'bothFailing';
    // Where the probes find neither side good, nothing is sent back, however it is kept.
    const isNoWayBack = isHeldForBoth || (failsProbe(next, 'source') && failsProbe(next, 'target'));
    if (verdict?.kind === 'fail' && !isRollingBack(next) && !isNoWayBack && !next.isFinal) {
      this.#facts.violate('4', `${next.name} keeps a failing verdict and is ${next.state}`);
    }
  }

  /** A target whose probe fails as often as the spec says is sent back at once, and not before. */
  #checkProbes(before: MigrationRecord, next: MigrationRecord): void {
    const { hold, reason } = contextOf(next);
    const fails = (side: Side): boolean => failsProbe(next, side);
    const isHeldForBoth = next.state === 'held' && hold?.cause === 'bothFailing';
    const isKept = /^(progressing\.(baking|gated)|held|paused)$/.test(next.state) && !isHeldForBoth;
    if (isKept && fails('target') && !fails('source'))
      this.#facts.violate('4', `${next.name} keeps a target that fails its probe and is ${next.state}`);
    const isForProbe = !isRollingBack(before) && isRollingBack(next) && /^probe .* at the target/.test(reason ?? '');
    if (isForProbe && !fails('target'))
      this.#facts.violate('4', `${next.name} goes back for a probe that did not fail as often as it may`);
    if (isForProbe && fails('source'))
      this.#facts.violate('5', `${next.name} goes back to a source that fails its probe as well`);
  }

  /** What nobody may call good is not kept for as long as it takes to be so bad. */
  #checkVerdict(instance: Instance, before: MigrationRecord, next: MigrationRecord): void {
    const looked = this.#looks.get(instance)?.get(next.name);
    if (looked === undefined || !looked.isBad) return;
    const isAsked = ({ outbox }: MigrationRecord): boolean =>
      outbox.some(({ effect }) => effect.type === 'watch' && effect.params['question'] === looked.question);
    // A timer that is due comes first, and what was seen is seen again.
    if (!isAsked(before) || before.timers.some(({ dueAtMs }) => dueAtMs <= next.updatedAtMs)) return;
    const wasTaken = before.outbox.find(({ effect }) => effect.type === 'watch');
    const isSame = next.outbox.some(({ id }) => id === wasTaken?.id);
    if (isSame) return;
    this.#looks.get(instance)?.delete(next.name);
    const { hold } = contextOf(next);
    const isHeldForBoth = next.state === 'held' && hold?.cause === 'bothFailing';
    if (!isRollingBack(next) && !isHeldForBoth && !next.isFinal) {
      this.#facts.violate('4', `${next.name} saw a failing target in ${before.state} and went to ${next.state}`);
    }
  }

  /** Nobody is sent back for what was counted while the first connections were opened, or in a step before. */
  #checkCause(before: MigrationRecord, next: MigrationRecord): void {
    const { spec, step, verdict, verifiedAtMs, reason } = contextOf(next);
    const isVerified = verifiedAtMs !== null && verifiedAtMs !== contextOf(before).verifiedAtMs;
    if (isVerified && !this.#verifiedAtMs.has(stepKey(next))) this.#verifiedAtMs.set(stepKey(next), verifiedAtMs);
    const isForVerdict = verdict?.kind === 'fail' && reason === verdict.reason;
    if (!isForVerdict || isRollingBack(before) || !isRollingBack(next)) return;
    const sinceMs = (this.#verifiedAtMs.get(stepKey(next)) ?? 0) + spec.settleMs;
    const since = samplesOfStage(before, this.#facts.samples).filter(({ fromMs }) => fromMs >= sinceMs);
    const isWorse = (target: Sample): boolean => {
      const source = since.find(({ side, fromMs }) => side === 'source' && fromMs === target.fromMs);
      return rateOf(target) > (source === undefined ? 0 : rateOf(source)) + noise;
    };
    if (!since.some((one) => one.side === 'target' && isWorse(one)))
      this.#facts.violate('4', `${next.name} goes back from step ${step + 1}, and nothing there was worse: ${reason}`);
  }

  /** A step is left by a step that passed, by a person, or by the beginning of time. */
  #checkForward(before: MigrationRecord, next: MigrationRecord, history: readonly HistoryEntry[]): void {
    const [from, to] = [contextOf(before), contextOf(next)];
    const isForward = to.step > from.step || (next.state === 'completed' && before.state !== 'completed');
    // A rehearsal begins with a write that moves nothing, and has nothing to bake.
    const left = stagesOf(from.spec)[from.step]?.step;
    const isIdle = from.isRehearsal && left?.share === 0;
    const isPromoted = history.some(({ kind, text }) => kind === 'command' && text.startsWith('promote'));
    if (to.step > from.step && !isPromoted && !isInWindow(to.spec.windows, next.updatedAtMs))
      this.#facts.violate('4', `${next.name} goes on to step ${to.step + 1} outside its window`);
    const isAllPromoted = history.some(({ text }) => text === 'promote all steps');
    if (to.step > from.step + 1 && !isAllPromoted)
      this.#facts.violate('4', `${next.name} goes from step ${from.step + 1} to step ${to.step + 1}`);
    if (!isForward || from.step < 0 || isIdle) return;
    const isPassed = history.some(({ kind }) => kind === 'step.passed');
    const isPerson = history.some(({ kind, text }) => kind === 'command' && /^(promote|approve)/.test(text));
    const isWindow = before.state === 'held' && from.hold?.cause === 'window';
    const isGated = before.state === 'progressing.gated' || (isPassed && left?.gate !== null && !from.skipsBakes);
    if (isGated ? !isPerson : !isPassed && !isPerson && !isWindow) {
      this.#facts.violate('4', `${next.name} goes on from step ${from.step + 1} in ${before.state} and nobody said so`);
    }
  }

  #checkPassing(instance: Instance, before: MigrationRecord, next: MigrationRecord): void {
    const { world, violate, samples } = this.#facts;
    const { spec, step, verifiedAtMs, skipsBakes } = contextOf(before);
    if (skipsBakes) return;
    const what = `step ${step + 1} of ${next.name} passes`;
    const asked = stagesOf(spec)[step]?.step;
    if (asked === undefined || verifiedAtMs === null) {
      violate('4', `${what} without having been verified`);
      return;
    }
    // Not by the commit's own time: that was read before the record, which may have taken its time.
    const bakedMs = world.scheduler.nowMs - verifiedAtMs;
    if (bakedMs < asked.bakeMs) violate('4', `${what} after ${bakedMs} of ${asked.bakeMs} ms`);
    const seen = samplesOfStage(before, samples).filter(
      ({ fromMs, side }) => side === 'target' && fromMs >= verifiedAtMs + spec.settleMs,
    );
    const requests = seen.reduce((sum, one) => sum + one.requests, 0);
    if (requests < spec.analysis.minRequests)
      violate('4', `${what} with ${requests} of ${spec.analysis.minRequests} requests`);
    if (this.#isBlatant(before, samples)) violate('4', `${what} with a failing target`);
    for (const [side, isOk] of this.#answers.get(instance) ?? []) {
      if (!isOk) violate('4', `${what} although the ${side} fails its probe`);
    }
    const states = world.since(instance.knowsSinceMs());
    const missing = wasAsAsked(states, goalsOf(before));
    if (missing !== null) violate('4', `${what}: ${missing}`);
    const missed = states.map((state) => missedShare(before, state));
    if (missed.every((one) => one !== null)) violate('3', `${what}: ${missed.at(-1)}`);
  }

  /**
   * By its own arithmetic: in each of the newest intervals of the step the target fails far more than the harm budget leaves,
   * and the source hardly any. Intervals that were told too late count for nobody.
   */
  #isBlatant(record: MigrationRecord, samples: readonly Sample[]): boolean {
    const { spec, step, verifiedAtMs } = contextOf(record);
    const share = stagesOf(spec)[step]?.step.share ?? 0;
    // At 100 per cent there is no source to compare with; what somebody else's change brings it then is not counted on.
    if (share <= 0 || share >= 100 || verifiedAtMs === null) return false;
    const known = samplesOfStage(record, samples);
    // A source that failed as well spoke for the target, or for noise, and a judge may take its time to unlearn that.
    if (known.some((one) => one.side === 'source' && rateOf(one) > blatant.sourceRate)) return false;
    const sinceMs = verifiedAtMs + spec.settleMs;
    const told = known.filter((one) => one.fromMs >= sinceMs && this.#inTime.has(keyOf(one)));
    const margin = Math.min(1, spec.analysis.harmBudget / (share / 100));
    const targets = told.filter(({ side }) => side === 'target');
    const isWorse = (target: Sample, requests: number): boolean => {
      const source = told.find(({ side, fromMs }) => side === 'source' && fromMs === target.fromMs);
      if (source === undefined || source.requests < requests || target.requests < requests) return false;
      return rateOf(target) - rateOf(source) > margin + blatant.points;
    };
    return enough.some(({ intervals, requests }) => {
      const newest = targets.slice(-intervals);
      return newest.length === intervals && newest.every((target) => isWorse(target, requests));
    });
  }

  /** Pauses, gates and holds do not count; and nothing runs out before its time. */
  #checkTimes(before: MigrationRecord, next: MigrationRecord): void {
    const { violate, world } = this.#facts;
    const { spec, reason, gate } = contextOf(next);
    if (!isRollingBack(before) && isRollingBack(next) && reason === 'the deadline passed') {
      const movedMs = this.movedMs(next.run);
      if (movedMs < spec.deadlineMs - 15_000)
        violate('4', `${next.name}: its deadline passed after ${movedMs} of ${spec.deadlineMs} ms on the move`);
    }
    const wasGated = before.state === 'progressing.gated' && next.state !== before.state;
    const expiresAtMs = contextOf(before).gate?.expiresAtMs ?? gate?.expiresAtMs ?? 0;
    const isExpired = reason === 'the gate expired' || contextOf(next).hold?.cause === 'gateExpired';
    if (wasGated && isExpired && world.scheduler.nowMs < expiresAtMs)
      violate('4', `${next.name}: its gate expired too early`);
  }
}

/** As often in a row as the spec says. */
function failsProbe(record: MigrationRecord, side: Side): boolean {
  const { spec, probes } = contextOf(record);
  return spec.probes.some(({ name, failures }) =>
    probes.some((one) => one.probe === name && one.side === side && one.failuresInRow >= failures),
  );
}

/** What a person says goes past what was seen before: held against the engine is what it makes of a look. */
export function hasLooked(before: MigrationRecord, next: MigrationRecord, history: readonly HistoryEntry[]): boolean {
  const watch = before.outbox.find(({ effect }) => effect.type === 'watch');
  return (
    watch !== undefined &&
    next.outbox.every(({ id }) => id !== watch.id) &&
    history.every(({ kind }) => kind !== 'command')
  );
}

const stepKey = (record: MigrationRecord): string => `${record.run} ${contextOf(record).step}`;

const rateOf = ({ requests, errors }: Sample): number => (requests === 0 ? 0 : errors / requests);

/** Where one route moves after the other, only what came through its load balancer says how its step does. */
function samplesOfStage(record: MigrationRecord, samples: readonly Sample[]): readonly Sample[] {
  const { spec, step } = contextOf(record);
  const route = stagesOf(spec)[step]?.route ?? null;
  return route === null
    ? samples
    : samples.filter(({ loadBalancer }) => loadBalancer === spec.routes[route]?.loadBalancer);
}

/** The windows of the simulator are of every day, in UTC. */
function isInWindow(windows: readonly Window[], atMs: number): boolean {
  const minute = Math.floor(atMs / 60_000) % 1_440;
  return windows.length === 0 || windows.some((one) => one.fromMinute <= minute && minute < one.toMinute);
}

const keyOf = ({ side, fromMs, loadBalancer }: Sample): string => `${side} ${fromMs} ${loadBalancer ?? ''}`;
