import { type Baseline, goalOf } from '../domain/baseline.ts';
import type { Command, MigrationRecord } from '../domain/record.ts';
import type { Ports } from '../ports/ports.ts';
import { agreementOf } from './converge.ts';
import { exclusively } from './exclusively.ts';
import { leftoversIfTold } from './leftovers.ts';
import { observe } from './observe.ts';
import { again, answer, type Outcome } from './outcome.ts';
import { restore } from './restore.ts';
import { seal } from './seal.ts';
import { contextOf } from './snapshot.ts';
import { tryGlass } from './try-glass.ts';

/** A source that was at 0 needs up to so long until the load balancer calls it healthy: nothing to page anybody for. */
const blockedToldAfterMs = 20_000;

/** A reason is a sentence for people, not a list of backends. */
const differencesMax = 5;

/** One attempt at the way back, as the command of a rollback. */
export async function restoreBaseline(
  ports: Ports,
  record: MigrationRecord,
  command: Command,
  params: { readonly question: number; readonly isForced: boolean; readonly everyMs: number },
  atMs: number,
): Promise<Outcome> {
  const context = contextOf(record);
  const forMs = atMs - (context.rollingBackSinceMs ?? command.createdAtMs);
  const { state, note, achieved, achievedSplits, brokeGlass } = await restore(ports, {
    baseline: context.baseline as Baseline,
    probes: context.spec.probes,
    fence: record.revision,
    nudge: command.revision,
    atMs,
    forMs,
    exclusively: (loadBalancer, work) =>
      exclusively(ports, `clb ${loadBalancer}`, `${command.id} ${record.revision}`, work),
    isForced: params.isForced,
  });
  if (brokeGlass !== null && !context.brokeGlass) {
    const event = { type: 'restore.brokeGlass', question: params.question, reason: brokeGlass } as const;
    return { kind: 'tellAndAgain', event, inMs: params.everyMs, note };
  }
  if (state === 'verified') {
    // A writer of before, frozen in the middle of a shift, must find a newer fence wherever it wakes up (rule 6).
    const isSealed = await seal(ports.router, context.baseline as Baseline, record.revision, command.revision);
    if (!isSealed) return again(0, 'the fence to be on every object');
    // The way back is over at this moment, so nothing was counted since: connections are what can be told.
    const leftovers = await leftoversIfTold(ports, record.name, { achieved, side: 'target', sinceMs: atMs, atMs });
    return answer({ type: 'restore.verified', question: params.question, achieved, achievedSplits, leftovers });
  }
  // People are told of a block once; the command stays, so the way is tried again and again.
  if (state === 'blocked' && context.blockedBy !== note && forMs > blockedToldAfterMs) {
    return {
      kind: 'tellAndAgain',
      event: { type: 'restore.blocked', question: params.question, reason: note },
      inMs: params.everyMs,
      note,
    };
  }
  return again(params.everyMs, note);
}

/** One attempt to break glass where nothing is broken, as a rehearsal does. */
export async function rehearseGlass(
  ports: Ports,
  record: MigrationRecord,
  command: Command,
  question: number,
): Promise<Outcome> {
  const baseline = contextOf(record).baseline as Baseline;
  const tried = await tryGlass(ports, baseline, command.createdAtMs, (loadBalancer, work) =>
    exclusively(ports, `clb ${loadBalancer}`, `${command.id} ${record.revision}`, work),
  );
  const changed = await changedSince(ports, baseline);
  return answer({ type: 'glass.tried', question, ...tried, problem: tried.problem ?? changed });
}

/** The trial may end long after the way back was verified, and is the last look of a rehearsal: null where all is as it was. */
async function changedSince(ports: Ports, { routes }: Baseline): Promise<string | null> {
  for (const kept of routes) {
    const { weights, differences } = agreementOf(await observe(ports, kept.route), goalOf(kept));
    if (weights === 'agree') continue;
    const texts = differences.slice(0, differencesMax).map(({ text }) => text);
    return `afterwards ${kept.route.loadBalancer} is not as it was: ${texts.join('; ') || 'it cannot be told'}`;
  }
  return null;
}
