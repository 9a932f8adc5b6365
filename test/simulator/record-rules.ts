import { encodeHolder } from '../../src/adapters/memory/stored-record.ts';
import type { Notice } from '../../src/domain/notice.ts';
import type { Command, MigrationRecord } from '../../src/domain/record.ts';
import type { HistoryEntry, Holder } from '../../src/ports/migration-store.ts';
import { type Commit, contextOf, type Facts, goalsOf, isRollingBack, wasAsAsked } from './facts.ts';
import type { Instance } from './instance.ts';
import type { WorldState } from './state.ts';
import { fenceIn } from './subset-state.ts';

const deliveriesMax = 60;
/** People are told of a rollback that is blocked for half as long. */
const blockedMs = 40_000;
/** So often a notice is tried before it is given up. */
const attemptsMin = 12;
const outboxMax = 80;
const timersMax = 10;

/** Rules 2, 6, 7 and 12, on every commit: what may follow what, and that nothing gets lost. */
export class RecordRules {
  readonly #facts: Facts;
  readonly #posted = new Map<string, string>();
  readonly #completedAtMs = new Map<string, number>();
  readonly #finished = new Set<string>();
  readonly #committed = new Set<string>();
  readonly #released = new Set<string>();
  /** With which revision each run of the watchdog took a record first. */
  readonly #claimedAs = new WeakMap<Instance, Map<string, number>>();
  readonly #telling: { readonly instance: Instance; readonly channel: string; readonly id: string }[] = [];

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  posted(channel: string, notice: Notice): void {
    const key = `${channel} ${notice.id}`;
    // The watchdog has no memory: it tells a kind again under the same id, with the time of that run.
    const text = notice.id.includes('-watchdog-') ? notice.kind : JSON.stringify(notice);
    const known = this.#posted.get(key);
    if (known !== undefined && known !== text)
      this.#facts.violate('7', `notice ${notice.id} says something else when it is posted again`);
    this.#posted.set(key, text);
  }

  committed({ instance, before, next, history }: Commit): void {
    const { violate } = this.#facts;
    this.#committed.add(keyOf(next));
    const isNew = before === null || before.run !== next.run;
    if (isNew) this.#checkBeginning(instance, next);
    else this.#checkTransition(instance, before, next, history);
    this.#checkClaims(next);
    this.#checkWork(next);
    if (before !== null) this.#checkOutbox(before, next, history);
    this.#checkTold(instance, before, next);
    this.#checkRaised(next, history);
    if (instance.name.startsWith('watchdog')) this.#checkWatchdog(instance, before, next, history);
    if (next.outbox.length > outboxMax || next.timers.length > timersMax) {
      violate('12', `${next.name} has ${next.outbox.length} commands and ${next.timers.length} timers`);
    }
  }

  /** What the watchdog notes as told has come, where nothing kept it from that. */
  end(): void {
    for (const { instance, channel, id } of this.#telling) {
      const isKept = instance.isDead || instance.frozenForMs > 0 || Number.isFinite(instance.untoldAtMs);
      if (!isKept && !this.#posted.has(`${channel} ${id}`))
        this.#facts.violate('7', `${instance.name} notes that notice ${id} was told, and ${channel} never got it`);
    }
  }

  released(holder: Holder): void {
    this.#released.add(encodeHolder(holder));
  }

  answered(record: MigrationRecord): void {
    if (!this.#committed.has(keyOf(record)))
      this.#facts.violate('7', `a command was answered with revision ${record.revision} that was never committed`);
  }

  /** The first revision of a run is above every fence that is on its objects (rule 6). */
  #checkBeginning(instance: Instance, next: MigrationRecord): void {
    const { world, violate } = this.#facts;
    const fenceOf = (state: WorldState): number => Math.max(0, ...this.#fencesOf(state, next));
    if (world.since(instance.knowsSinceMs()).every((state) => next.revision <= fenceOf(state))) {
      violate('6', `run ${next.run} begins with revision ${next.revision}, below fence ${fenceOf(world.state)}`);
    }
  }

  #checkTransition(
    instance: Instance,
    before: MigrationRecord,
    next: MigrationRecord,
    history: readonly HistoryEntry[],
  ): void {
    const { violate, world } = this.#facts;
    const what = `${next.name} goes from ${before.state} to ${next.state}`;
    const commands = history.filter(({ kind }) => kind === 'command').map(({ text }) => text);
    const isBackAsked = commands.some((text) => /^(abort|rollback)/.test(text));
    if (isBackAsked && !isRollingBack(next) && next.state !== 'refused')
      violate('7', `${what} although it was told to go back`);
    if (isRollingBack(before) && !isRollingBack(next) && !(next.state === 'closed' && commands.includes('approve'))) {
      violate('7', `${what}: a rollback is never given up`);
    }
    if (before.isFinal && next.state !== before.state) violate('7', `${what}: it was final`);
    if (isRollingBack(next) && !isRollingBack(before)) this.#facts.rollbackRevisions.set(next.run, next.revision);
    if (next.state === 'completed' && before.state !== 'completed') this.#completedAtMs.set(next.run, next.updatedAtMs);
    if (before.state === 'completed' && next.state === 'closing') {
      const restedMs = world.scheduler.nowMs - (this.#completedAtMs.get(next.run) ?? 0);
      if (restedMs < contextOf(next).spec.undoForMs)
        violate('4', `${what} after ${restedMs} ms: it could still be undone`);
    }
    if (before.state === 'completed' && isRollingBack(next) && next.rescue === undefined) {
      const afterMs = next.updatedAtMs - (this.#completedAtMs.get(next.run) ?? next.updatedAtMs);
      if (afterMs >= contextOf(next).spec.undoForMs) violate('4', `${what} ${afterMs} ms after it was completed`);
    }
    if (next.state === 'rolledBack' && before.state !== 'rolledBack') {
      const states = world.since(instance.knowsSinceMs());
      const missing = wasAsAsked(states, goalsOf(next));
      if (missing !== null) violate('2', `${what}: ${missing}`);
      const least = this.#facts.rollbackRevisions.get(next.run) ?? 0;
      const isSealed = states.some((state) => this.#fencesOf(state, next).every((fence) => fence >= least));
      if (!isSealed) violate('6', `${what}: an object still lets a writer of before in`);
    }
    const { verifiedAtMs } = contextOf(next);
    const isVerified = verifiedAtMs !== contextOf(before).verifiedAtMs && before.state === 'progressing.shifting';
    if (isVerified) {
      const missing = wasAsAsked(world.since(instance.knowsSinceMs()), goalsOf(before));
      if (missing !== null) violate('2', `${what}, verified: ${missing}`);
    }
  }

  /** Two migrations never share what they hold, and each holds what it touches (rule 6). */
  #checkClaims(next: MigrationRecord): void {
    const { records, contents, violate, hasFailover } = this.#facts;
    if (hasFailover || next.isFinal || next.state.startsWith('preflighting')) return;
    const holder = encodeHolder(next);
    for (const claim of next.claims) {
      if (contents.claims.get(claim) !== holder) violate('6', `${next.name} ${next.state} does not hold ${claim}`);
    }
    for (const other of records.values()) {
      const isUnderWay = !other.isFinal && !other.state.startsWith('preflighting') && other.name !== next.name;
      if (isUnderWay && other.claims.some((claim) => next.claims.includes(claim))) {
        violate('6', `${next.name} and ${other.name} are under way on the same objects`);
      }
    }
  }

  /** Whatever is not final has something that brings it on. */
  #checkWork(next: MigrationRecord): void {
    const { violate } = this.#facts;
    const isDriven = next.outbox.some(({ effect }) => effect.type !== 'deliver');
    if (next.isFinal) {
      if (!this.#finished.has(next.run) && !next.outbox.some(({ effect }) => effect.type === 'finish')) {
        violate('7', `${next.name} ${next.state} gives nothing back`);
      }
      this.#finished.add(next.run);
    } else if (!isDriven && next.state !== 'completed') {
      violate('7', `${next.name} ${next.state} has no command that brings it on`);
    } else if (!isDriven && next.timers.length === 0) {
      violate('7', `${next.name} ${next.state} has no timer that ends it`);
    }
  }

  /** A rollback that broke glass, or is blocked, has told people. */
  #checkTold(instance: Instance, before: MigrationRecord | null, next: MigrationRecord): void {
    const { violate } = this.#facts;
    const { rollingBackSinceMs, blockedBy, brokeGlass } = contextOf(next);
    const restoring = next.outbox.find(({ effect }) => effect.type === 'restore');
    const note = restoring?.note ?? '';
    if (/^weights of .* set straight/.test(note) && !brokeGlass)
      violate('7', `${next.name} broke glass, and nobody is told`);
    const was = before?.outbox.find(({ id }) => id === restoring?.id);
    // By a look of now: what an earlier one wrote may be old.
    const isLooked = was !== undefined && was.attempts === restoring?.attempts && was.dueAtMs !== restoring.dueAtMs;
    const isBlocked = isLooked && /^the (source|target) (keeps its weight|has \d+ ready)/.test(note);
    // When it looked: the answer may have taken its time.
    const forMs = instance.knowsSinceMs() - (rollingBackSinceMs ?? next.updatedAtMs);
    if (isBlocked && blockedBy === null && forMs > blockedMs)
      violate('7', `the rollback of ${next.name} is blocked for ${forMs / 1_000} s, and nobody is told`);
  }

  /** Who met a newer fence goes on above it. */
  #checkRaised({ name, revision }: MigrationRecord, history: readonly HistoryEntry[]): void {
    for (const { text } of history.filter(({ kind }) => kind === 'fence.raised')) {
      const fence = Number(/fence (\d+)/.exec(text)?.[1]);
      if (revision <= fence) this.#facts.violate('6', `${name} ${revision} stays below fence ${fence}`);
    }
  }

  /** It tells people without an outbox; and what it has restored lets no writer of before in. */
  #checkWatchdog(
    instance: Instance,
    before: MigrationRecord | null,
    next: MigrationRecord,
    history: readonly HistoryEntry[],
  ): void {
    const claims = this.#claimedAs.get(instance) ?? new Map<string, number>();
    const claimedAs = claims.get(next.run) ?? next.revision;
    this.#claimedAs.set(instance, claims.set(next.run, claimedAs));
    const news = next.rescue?.told.filter((kind) => !before?.rescue?.told.includes(kind)) ?? [];
    for (const kind of news) {
      const id = `${next.run}-watchdog-${kind.replaceAll('.', '-')}`;
      this.#telling.push(...contextOf(next).spec.notify.map((channel) => ({ instance, channel, id })));
    }
    if (!history.some(({ kind }) => kind === 'watchdog.restored')) return;
    const states = this.#facts.world.since(instance.knowsSinceMs());
    const isSealed = states.some((state) => this.#fencesOf(state, next).every((fence) => fence >= claimedAs));
    if (!isSealed) this.#facts.violate('6', `${instance.name} restored ${next.name}, and lets a writer of before in`);
  }

  /** A command leaves the outbox when it was carried out, or when a line says that it was given up. */
  #checkOutbox(before: MigrationRecord, next: MigrationRecord, history: readonly HistoryEntry[]): void {
    const { violate, contents, world, hasFailover } = this.#facts;
    // Of the last attempt; a channel that refuses is given up at once.
    const isPatient = ({ attempts }: Command): boolean =>
      attempts >= attemptsMin || history.some(({ text }) => text.includes('is refused'));
    const left = before.outbox.filter(({ id }) => !next.outbox.some((one) => one.id === id));
    const isFull = next.outbox.filter(({ effect }) => effect.type === 'deliver').length >= deliveriesMax;
    for (const command of left) {
      if (command.effect.type === 'deliver') {
        const { channel, id } = deliveryOf(command);
        const isDropped = history.some(({ kind }) => kind === 'notice.dropped');
        const isGivenUp = isFull || (isDropped && isPatient(command));
        if (!this.#posted.has(`${channel} ${id}`) && !isGivenUp)
          violate('7', `notice ${id} was never posted to ${channel}`);
      }
      if (command.effect.type === 'finish' && before.run === next.run && !hasFailover) {
        // A preflight that was under way may claim once more: nobody stands behind that, and the next start takes it.
        const mine = [...contents.claims].filter(([, text]) => text === encodeHolder(next));
        if (mine.length > 0 && !this.#released.has(encodeHolder(next)))
          violate('7', `${next.name} is done and still holds ${mine[0]?.[0]}`);
        const kept = world.kept.get(next.name)?.baseline;
        if (kept?.run === next.run) violate('7', `${next.name} is done and its way back is still kept`);
      }
    }
  }

  /** Of every object that a record moves; 0 where there is none. */
  #fencesOf(state: WorldState, record: MigrationRecord): readonly number[] {
    const { spec } = contextOf(record);
    const routes = state.routes.filter(({ route }) =>
      spec.routes.some(({ loadBalancer }) => loadBalancer === route.loadBalancer),
    );
    const splits = state.splits.filter(({ route }) => spec.subsets.some(({ host }) => host === route.host));
    return [
      ...routes.flatMap(({ sides }) => [sides.source.fence ?? 0, sides.target.fence ?? 0]),
      ...splits.map((split) => fenceIn(split) ?? 0),
    ];
  }
}

function deliveryOf({ effect }: Command): { readonly channel: string; readonly id: string } {
  const { channel, notice } = effect.params as unknown as { readonly channel: string; readonly notice: Notice };
  return { channel, id: notice.id };
}

const keyOf = ({ run, revision, state }: MigrationRecord): string => `${run} ${revision} ${state}`;
