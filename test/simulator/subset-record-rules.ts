import type { MigrationRecord } from '../../src/domain/record.ts';
import type { Split } from '../../src/domain/subset-route.ts';
import { type Commit, contextOf, type Facts, isRollingBack, isToldToGoOn, splitGoalFor } from './facts.ts';
import type { Instance } from './instance.ts';
import type { WorldState } from './state.ts';
import { fenceIn, hasPod, type SplitState, shareAt, weightsIn } from './subset-state.ts';

const points = 0.01;

/** Rules 6, 8 and 9 of subsets, on what is committed: how a change by others is answered, and who may still write. */
export class SubsetRecordRules {
  readonly #facts: Facts;
  readonly #begun = new Map<string, number>();
  /** The lowest of a person's rescue, as long as nobody said anything since. */
  #rescuedFence: number | null = null;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  committed({ instance, before, next, history }: Commit): void {
    if (contextOf(next).spec.subsets.length === 0) return;
    if (isToldToGoOn(history) || before?.run !== next.run) this.#rescuedFence = null;
    if (before === null || before.run !== next.run) {
      this.#begun.set(next.run, next.revision);
      return;
    }
    const states = this.#facts.world.since(instance.knowsSinceMs());
    const isKept = before.state === 'preflighting.keeping' && next.state !== before.state;
    if (isKept && !next.isFinal) this.#checkFences(before, next, states);
    const isTold = (what: string): boolean => history.some(({ kind }) => kind === what);
    const { onDrift } = contextOf(next).spec;
    if (isTold('step.corrected') && onDrift !== 'restore')
      this.#facts.violate('8', `${next.name} writes over what others wrote, although it is to ${onDrift}`);
    if (isTold('step.pulledBack') && !states.some((state) => isCarried(before, state)))
      this.#facts.violate('8', `${next.name} pulls back onto subsets without a pod`);
    const isUncounted = instance.uncountedAtMs >= instance.knowsSinceMs();
    if (!isUncounted) this.#checkHold(before, next, states);
  }

  /**
   * A person's rescue is verified: until a person says so, no engine gives the target more than it had before, as long as
   * nobody takes the fence away that says so.
   */
  rescued(): void {
    this.#rescuedFence = Math.min(...this.#facts.world.state.splits.map((split) => fenceIn(split) ?? 0));
  }

  writing(instance: Instance, state: SplitState, split: Split): void {
    if (this.#rescuedFence === null || this.#facts.hasFailover || !/^(tick|step)/.test(instance.name)) return;
    if ((fenceIn(state) ?? 0) < this.#rescuedFence) return;
    for (const { baseline } of this.#facts.world.kept.values()) {
      const before = baseline?.subsets.find(({ route }) => route.host === state.route.host)?.split;
      if (before !== undefined && shareAt(split, state.route) > shareAt(before, state.route) + points)
        this.#facts.violate('9', `${instance.name} takes up again what a person has brought back`);
    }
  }

  /** Proof, before anything moves, that a rollback can write: each VirtualService carries a fence of this run. */
  #checkFences(before: MigrationRecord, next: MigrationRecord, states: readonly WorldState[]): void {
    const least = this.#begun.get(next.run) ?? 0;
    const isFenced = states.some((state) => movedBy(before, state).every((split) => (fenceIn(split) ?? -1) >= least));
    if (!isFenced) this.#facts.violate('6', `${next.name} begins before each VirtualService carries its fence`);
  }

  /** More than was asked is pulled back first, where there is somebody to carry it. */
  #checkHold(before: MigrationRecord, next: MigrationRecord, states: readonly WorldState[]): void {
    const { hold, spec, step, answeredDrift } = contextOf(next);
    const isNews =
      next.state === 'held' && hold?.cause === 'drift' && /^progressing\.(baking|gated)$/.test(before.state);
    const asked = spec.steps[step]?.share;
    if (!isNews || asked === undefined || answeredDrift !== null || isRollingBack(next)) return;
    const isMore = (state: WorldState): boolean =>
      movedBy(before, state).some((split) => shareAt(weightsIn(split), split.route) > asked + spec.tolerance + points);
    if (states.every((state) => isCarried(before, state) && isMore(state)))
      this.#facts.violate('8', `${next.name} is held with more than was asked: ${hold.text}`);
  }
}

function movedBy(record: MigrationRecord, { splits }: WorldState): readonly SplitState[] {
  return splits.filter((split) => splitGoalFor(record, split) !== null);
}

function isCarried(record: MigrationRecord, state: WorldState): boolean {
  return movedBy(record, state).every((split) => split.route.from.some((name) => hasPod(split, name)));
}
