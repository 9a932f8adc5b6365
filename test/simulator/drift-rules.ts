import type { MigrationRecord } from '../../src/domain/record.ts';
import { sides } from '../../src/domain/spec.ts';
import { hasLooked } from './evidence-rules.ts';
import { askedOf, type Commit, contextOf, type Facts, goalFor, objectsAgree } from './facts.ts';
import type { Instance } from './instance.ts';
import { type RouteState, shareOf, sumsOf, type WorldState } from './state.ts';
import { canCarry } from './traffic-rules.ts';

/** Rule 8, when it is answered what others changed: once for each cause, never fought, and never onto a sick source. */
export class DriftRules {
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  committed({ instance, before, next, history }: Commit): void {
    if (before === null || before.run !== next.run) return;
    const states = this.#facts.world.since(instance.knowsSinceMs());
    const isTold = (what: string): boolean => history.some(({ kind }) => kind === what);
    if (isTold('step.pulledBack')) this.#checkPullBack(before, next, states);
    if (isTold('step.corrected')) this.#checkCorrection(before, states);
    this.#checkHold(before, next, states);
    this.#checkAsked(before, next, isTold('step.pulledBack'));
    if (hasLooked(before, next, history)) this.#checkSeen(instance, before, next, states);
  }

  /** Whoever is to go back at any change does nothing else about it. */
  #checkAsked(before: MigrationRecord, next: MigrationRecord, isPulledBack: boolean): void {
    const { hold, spec } = contextOf(next);
    const isHeld = before.state !== 'held' && next.state === 'held' && hold?.cause === 'drift';
    if (spec.onDrift === 'rollback' && (isHeld || isPulledBack))
      this.#facts.violate('8', `${next.name} finds a change and is ${next.state}, and was to roll back`);
  }

  /** What others wrote and leave there is answered by who sees it: no look stays with it. */
  #checkSeen(instance: Instance, before: MigrationRecord, next: MigrationRecord, states: readonly WorldState[]): void {
    const isKept = /^progressing\.(baking|gated)$/.test(next.state) && next.state === before.state;
    // What a person has rescued is left to people.
    const isOvertaken = contextOf(before).waitsFor?.cause === 'overtaken';
    if (!isKept || isOvertaken || instance.untoldAtMs >= instance.knowsSinceMs()) return;
    if (states.every(({ routes }) => routes.some((route) => !isCarrierAsAsked(before, route))))
      this.#facts.violate('8', `${next.name} looks at what others wrote and stays ${next.state}`);
  }

  #checkPullBack(before: MigrationRecord, next: MigrationRecord, states: readonly WorldState[]): void {
    const [from, to] = [contextOf(before), contextOf(next)];
    if (from.step === to.step && from.answeredDrift !== null && from.answeredDrift === to.answeredDrift)
      this.#facts.violate('8', `${next.name} pulls back again for: ${to.answeredDrift}`);
    if (!states.some((state) => isCarried(before, state)))
      this.#facts.violate('8', `${next.name} pulls back onto a source that does not carry`);
  }

  /** Only `restore` writes over what others wrote; else a correction follows backends that came or went. */
  #checkCorrection(before: MigrationRecord, states: readonly WorldState[]): void {
    const { onDrift } = contextOf(before).spec;
    const isWritten = states.some((state) =>
      state.routes.every((route) => {
        const goal = goalFor(before, route);
        return goal === null || objectsAgree(route, goal);
      }),
    );
    if (onDrift !== 'restore' && !isWritten)
      this.#facts.violate('8', `${before.name} writes over what others wrote, although it is to ${onDrift}`);
  }

  /** More than was asked is pulled back first, where the source carries. */
  #checkHold(before: MigrationRecord, next: MigrationRecord, states: readonly WorldState[]): void {
    const { hold } = contextOf(next);
    const isNews =
      next.state === 'held' && hold?.cause === 'drift' && /^progressing\.(baking|gated)$/.test(before.state);
    if (!isNews || contextOf(before).answeredDrift !== null || !this.#facts.scenario.hasHealthChecks) return;
    if (states.every((state) => isCarried(before, state) && hasWeight(before, state) && isMore(before, state)))
      this.#facts.violate('8', `${next.name} is held with more than was asked: ${hold.text}`);
  }
}

function isCarrierAsAsked(record: MigrationRecord, route: RouteState): boolean {
  const goal = goalFor(record, route);
  return goal === null || sides.every((side) => route.sides[side].weight === goal[side].weight);
}

function isCarried(record: MigrationRecord, state: WorldState): boolean {
  return state.routes.every((route) => goalFor(record, route) === null || canCarry(state, route));
}

/** A source without weight gets nothing yet, however healthy it is. */
function hasWeight(record: MigrationRecord, { routes }: WorldState): boolean {
  return routes.every(
    (route) => goalFor(record, route) === null || route.groups.every((one) => sumsOf(one).source > 0),
  );
}

function isMore(record: MigrationRecord, { routes }: WorldState): boolean {
  const { tolerance } = contextOf(record).spec;
  return routes.some((route) => {
    const asked = askedOf(record, route);
    return asked !== null && route.groups.some((group) => (shareOf(sumsOf(group)) ?? 0) > asked + tolerance);
  });
}
