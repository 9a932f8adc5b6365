import type { CarrierWeights } from '../../src/domain/agreement.ts';
import type { Notice } from '../../src/domain/notice.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import type { Side } from '../../src/domain/spec.ts';
import type { HistoryEntry } from '../../src/ports/migration-store.ts';
import type { Facts } from './facts.ts';
import { secret } from './secret.ts';
import type { WorldState } from './state.ts';

/** Rules 10 and 11: nothing is taken away from what is in the clusters, and nothing secret is told. */
export class ObjectRules {
  readonly #facts: Facts;
  readonly #start: WorldState;
  readonly #kept = new Set<string>();

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#start = facts.world.state;
  }

  /** An annotation that was always there is not taken away: a rollback does so only where there was none (rule 10). */
  writing(who: string, index: number, side: Side, weights: CarrierWeights): void {
    const { world, violate } = this.#facts;
    const own = world.route(index).sides[side];
    const wasEverAbsent = (of: (one: CarrierWeights) => string | null | undefined): boolean =>
      world.timeline.some(({ state }) => {
        const past = state.routes[index]?.sides[side];
        return past !== undefined && (of(past) ?? null) === null;
      });
    const what = `${who} takes an annotation of the ${side} away`;
    if (weights.weight === null && own.weight !== null && !wasEverAbsent(({ weight }) => weight)) violate('10', what);
    for (const [id, weight] of Object.entries(weights.overrides)) {
      const isTaken = weight === null && (own.overrides[id] ?? null) !== null;
      if (isTaken && !wasEverAbsent(({ overrides }) => overrides[id])) violate('10', `${what} (of ${id})`);
    }
  }

  kept(name: string): void {
    this.#kept.add(name);
    this.tell(`the kept baseline of ${name}`, JSON.stringify(this.#facts.world.kept.get(name)?.baseline ?? null));
  }

  committed(next: MigrationRecord, history: readonly HistoryEntry[]): void {
    this.tell(`the record of ${next.name}`, this.#facts.contents.migrations.get(next.name)?.text ?? '');
    for (const { kind, text } of history) this.tell(`the history of ${next.name} (${kind})`, text);
  }

  posted(channel: string, notice: Notice): void {
    this.tell(`notice ${notice.id} to ${channel}`, JSON.stringify(notice));
  }

  /** Whatever leaves the engine: to people, to the store, to a log. */
  tell(where: string, text: string): void {
    if (text.includes(secret)) this.#facts.violate('11', `${where} tells a secret`);
  }

  /** Every object that was ever there is there: emptied perhaps, and never gone. */
  look(): void {
    const { world, violate } = this.#facts;
    for (const name of this.#kept) if (!world.kept.has(name)) violate('10', `ConfigMap sluice-${name} is gone`);
    for (const [index, { groups, sides }] of this.#start.routes.entries()) {
      const now = world.route(index);
      for (const { group } of groups) {
        if (!now.groups.some((one) => one.group === group)) violate('10', `${group} is gone`);
      }
      for (const side of ['source', 'target'] as const) {
        if (now.sides[side].services.length !== sides[side].services.length) violate('10', `a Service is gone`);
      }
    }
  }
}
