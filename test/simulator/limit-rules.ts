import { isDeepStrictEqual } from 'node:util';
import { goalOf } from '../../src/domain/baseline.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import { sides } from '../../src/domain/spec.ts';
import { stagesOf } from '../../src/domain/stages.ts';
import type { HistoryEntry } from '../../src/ports/migration-store.ts';
import { type EvidenceRules, movingStates } from './evidence-rules.ts';
import { type Commit, contextOf, type Facts, goalFor, missedShare, slackMs } from './facts.ts';
import type { WorldState } from './state.ts';
import { glassBears } from './time-rules.ts';

const minute = 60_000;
/** Who was frozen with a result in hand commits that first; the next who looks ends what is over. */
const overdueMsMax = 90_000;
const shiftMs = 5 * minute;
const rollbackMs = 10 * minute;
const closeMs = 10 * minute;
/** What timers put up with: they are the store's and the functions' alone. */
const timersBear: ReadonlySet<string> = new Set([...glassBears, 'outage clb']);

/** What the spec promises of times and ends: every state has a bound, and leads where it was said to lead. */
export class LimitRules {
  readonly #facts: Facts;
  readonly #entered = new Map<string, { readonly place: string; readonly atMs: number }>();
  readonly #begun = new Map<string, { readonly revision: number; readonly atMs: number }>();
  readonly #evidence: EvidenceRules;
  readonly #overdueSinceMs = new Map<string, number>();
  #freeSinceMs: number;

  constructor(facts: Facts, evidence: EvidenceRules) {
    this.#facts = facts;
    this.#evidence = evidence;
    this.#freeSinceMs = facts.world.scheduler.nowMs;
  }

  committed({ instance, before, next, history }: Commit): void {
    const place = `${next.state} ${contextOf(next).question}`;
    if (this.#entered.get(next.run)?.place !== place) this.#entered.set(next.run, { place, atMs: next.updatedAtMs });
    if (before === null || before.run !== next.run) {
      this.#begun.set(next.run, { revision: next.revision, atMs: this.#facts.world.scheduler.nowMs });
      return;
    }
    this.#checkEnds(before, next, history);
    this.#checkLater(before, next);
    if (!instance.name.startsWith('watchdog')) this.#checkOverdue(before, next);
    const states = this.#facts.world.since(instance.knowsSinceMs());
    if (before.state === 'preflighting.keeping' && /^(progressing|held)/.test(next.state))
      this.#checkFences(before, next);
    const isVerified = contextOf(next).verifiedAtMs !== contextOf(before).verifiedAtMs;
    if (isVerified && before.state === 'progressing.shifting') this.#checkShare(before, states);
  }

  look(): void {
    const { world, weather, records } = this.#facts;
    const { nowMs } = world.scheduler;
    if (!weather.isFreeBut(timersBear)) this.#freeSinceMs = nowMs;
    for (const record of records.values()) {
      const limitMs = limitOf(record);
      const entered = this.#entered.get(record.run);
      if (limitMs === null || entered === undefined) continue;
      const forMs = nowMs - entered.atMs;
      if (Math.min(forMs, nowMs - this.#freeSinceMs) > limitMs + slackMs)
        this.#facts.violate('4', `${record.name} is ${record.state} for ${forMs / 1_000} s, and nothing ends it`);
    }
  }

  /** An engine fires what is due before it does anything else: it does not work on where the time was over long ago. */
  #checkOverdue(before: MigrationRecord, next: MigrationRecord): void {
    const limitMs = limitOf(next);
    const { place, atMs } = this.#entered.get(next.run) ?? { place: '', atMs: next.updatedAtMs };
    const isOver = (record: MigrationRecord): boolean => limitMs !== null && record.updatedAtMs - atMs > limitMs;
    const deadlineMs = this.#evidence.movedMs(next.run) - contextOf(next).spec.deadlineMs;
    // A hold ends it for a while; what comes after it has its own first moment.
    if (!movingStates.has(next.state)) this.#overdueSinceMs.delete(`${next.run} deadline`);
    const overdue = isOver(before) ? place : movingStates.has(next.state) && deadlineMs > 0 ? 'deadline' : null;
    if (overdue === null || this.#facts.hasFailover) return;
    const key = `${next.run} ${overdue}`;
    const sinceMs = this.#overdueSinceMs.get(key) ?? next.updatedAtMs;
    this.#overdueSinceMs.set(key, sinceMs);
    const forMs = next.updatedAtMs - sinceMs;
    if (forMs > overdueMsMax)
      this.#facts.violate('4', `${next.name} goes on as ${next.state} ${forMs} ms after its time was over`);
  }

  #checkEnds(before: MigrationRecord, next: MigrationRecord, history: readonly HistoryEntry[]): void {
    const { violate } = this.#facts;
    const [from, to] = [contextOf(before), contextOf(next)];
    const what = `${next.name} goes from ${before.state} to ${next.state}`;
    if (next.state === 'completed' && to.spec.finish === 'return') violate('4', `${what}, and was to return`);
    const isSaid = history.some(({ kind, text }) => kind === 'command' && text.endsWith(', forced'));
    if (to.isForced && !from.isForced && !isSaid) violate('5', `${what} by force, and nobody said so`);
    const approved = history.find(({ kind, text }) => kind === 'command' && text.startsWith('approve gate '));
    if (approved !== undefined && !approved.text.endsWith(` ${from.gate?.id}`))
      violate('4', `${what}: "${approved.text}" is not the open ${from.gate?.id}`);
    const asked = stagesOf(from.spec)[from.step]?.step;
    const isHeldAnew = next.state === 'held' && before.state !== 'held';
    if (isHeldAnew && to.hold?.cause === 'gateExpired' && asked?.gate?.onExpiry === 'rollback')
      violate('4', `${what} when its gate expired, and was to roll back`);
    const isWithoutData = to.verdict?.kind === 'insufficient' && to.verdict.cause !== 'silent' && to.differences === '';
    const isLate = isHeldAnew && before.state === 'progressing.baking' && to.hold?.cause === 'noData';
    if (isLate && isWithoutData && to.spec.analysis.onInsufficient === 'rollback')
      violate('4', `${what} without data, and was to roll back`);
  }

  /** Where routes go one after the other, those whose turn has not come stay at their baseline (rule 4). */
  #checkLater(before: MigrationRecord, next: MigrationRecord): void {
    const { spec, step, goals, baseline } = contextOf(next);
    const route = stagesOf(spec)[step]?.route ?? null;
    if (route === null || baseline === null || goals === contextOf(before).goals) return;
    for (const [index, kept] of baseline.routes.entries()) {
      if (index > route && !isDeepStrictEqual(goals[index], goalOf(kept)))
        this.#facts.violate('4', `${next.name} moves ${kept.route.loadBalancer} before its turn`);
    }
  }

  /** Proof, before anything moves, that a rollback can write: each object carries a fence of this run. */
  #checkFences(before: MigrationRecord, next: MigrationRecord): void {
    const { world } = this.#facts;
    const { revision, atMs } = this.#begun.get(next.run) ?? { revision: 0, atMs: 0 };
    const states = world.since(atMs);
    const isFenced = world.state.routes.every(
      (route, index) =>
        goalFor(before, route) === null ||
        // Others may take one away meanwhile: each was there, and that is what proves the right to write.
        sides.every((side) => states.some(({ routes }) => (routes[index]?.sides[side].fence ?? -1) >= revision)),
    );
    if (!isFenced) this.#facts.violate('6', `${next.name} begins before each object carries its fence`);
  }

  /** What is verified is near to what was asked (rule 3). */
  #checkShare(before: MigrationRecord, states: readonly WorldState[]): void {
    const { step, isRehearsal } = contextOf(before);
    if (this.#facts.hasForeign || isRehearsal) return;
    const missed = states.map((state) => missedShare(before, state));
    if (missed.every((one) => one !== null))
      this.#facts.violate('3', `step ${step + 1} of ${before.name} is verified, and ${missed.at(-1)}`);
  }
}

/** How long the record may be where it is; null where a person, or what it waits for, decides. */
function limitOf(record: MigrationRecord): number | null {
  const { spec, step } = contextOf(record);
  const asked = stagesOf(spec)[step]?.step;
  switch (record.state) {
    case 'progressing.shifting':
      return shiftMs;
    case 'progressing.baking':
      return (asked?.bakeMs ?? 0) + spec.analysis.patienceMs;
    case 'progressing.gated':
      return asked?.gate?.expiresInMs ?? 0;
    case 'rollingBack':
      return rollbackMs;
    case 'completed':
      return spec.undoForMs;
    case 'closing':
      return closeMs;
    default:
      return null;
  }
}
