import type { MigrationContext } from '../../state-machines/context.ts';
import type { MigrationEffect } from '../../state-machines/effects.ts';
import { writtenDifferences } from '../domain/agreement.ts';
import type { Baseline } from '../domain/baseline.ts';
import type { Notice } from '../domain/notice.ts';
import type { Command, MigrationRecord } from '../domain/record.ts';
import { sides } from '../domain/spec.ts';
import { ConflictError, FencedError, messageOf, RescuedError, TerminalError, TransientError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { leftoversAt } from './leftovers.ts';
import { again, answer, type Outcome } from './outcome.ts';
import { planShift } from './plan-shift.ts';
import { preflight } from './preflight.ts';
import { shift } from './shift.ts';
import { contextOf } from './snapshot.ts';
import { look } from './watch.ts';
import { rehearseGlass, restoreBaseline } from './way-back.ts';

/** A channel that stays silent for so many attempts is given up: a notice never holds up the end of a migration. */
const deliveriesMax = 12;
const retryMs = { first: 1_000, most: 60_000 } as const;
const deliverRetryMs = { first: 2_000, most: 600_000 } as const;

type EngineEffect =
  | MigrationEffect
  | { readonly type: 'deliver'; readonly params: { readonly channel: string; readonly notice: Notice } };

/** Carries out one command once. Never throws for what the world does: the class of an error is its policy. */
export async function carryOut(
  ports: Ports,
  record: MigrationRecord,
  command: Command,
  atMs: number,
): Promise<Outcome> {
  const effect = command.effect as EngineEffect;
  try {
    return await attempt(ports, record, command, effect, atMs);
  } catch (error) {
    return outcomeOf(error, command, effect);
  }
}

function attempt(
  ports: Ports,
  record: MigrationRecord,
  command: Command,
  effect: EngineEffect,
  atMs: number,
): Promise<Outcome> {
  const context = contextOf(record);
  switch (effect.type) {
    case 'preflight':
      return preflight(ports, context.spec, context.run, effect.params.question, atMs);
    case 'keepBaseline':
      return keepBaseline(ports, context, effect.params.question, record.revision);
    case 'shift':
      return context.goalsOf === effect.params.question
        ? shift(ports, context, effect.params.question, {
            atMs,
            fence: record.revision,
            revision: command.revision,
            sinceMs: command.createdAtMs,
          })
        : planShift(ports, context, effect.params.question, effect.params.step);
    case 'watch':
      return watch(ports, context, effect.params.question, record.revision, atMs);
    case 'restore':
      return restoreBaseline(ports, record, command, effect.params, atMs);
    case 'count':
      return count(ports, context, effect.params.question, atMs);
    case 'tryGlass':
      return rehearseGlass(ports, record, command, effect.params.question);
    case 'emptyBaseline':
      return emptyBaseline(ports, record, effect.params.question);
    case 'finish':
      return finish(ports, record);
    case 'deliver':
      return ports.notifier.post(effect.params.channel, effect.params.notice).then(() => ({ kind: 'done' }));
    case 'tell':
      throw new Error('a tell is expanded into history and deliveries when it is decided');
    default:
      return effect satisfies never;
  }
}

/**
 * The way back is kept, and each object takes our fence: proof, before anything moves, that a rollback can write. What
 * others changed since the preflight is not written over: then the baseline is no longer what is there.
 */
async function keepBaseline(
  ports: Ports,
  context: MigrationContext,
  question: number,
  fence: number,
): Promise<Outcome> {
  const baseline = context.baseline as Baseline;
  await ports.router.keepBaseline(context.spec.name, baseline, fence);
  for (const kept of baseline.routes) {
    const readings = await ports.router.read(kept.route);
    for (const side of sides) {
      const [changed] = writtenDifferences(side, readings[side], kept[side]);
      if (changed !== undefined && readings[side].carrier !== null) {
        const reason = `changed since the preflight, on ${kept.route.loadBalancer}: ${changed.text}`;
        return answer({ type: 'baseline.notKept', question, reason });
      }
      await ports.router.seal(kept.route, side, fence);
    }
  }
  // Today's split is made explicit before anything moves: without it there would be nothing to go back to.
  for (const { route, split } of baseline.subsets) await ports.router.writeSplit(route, split, fence);
  return answer({ type: 'baseline.kept', question });
}

async function watch(
  ports: Ports,
  context: MigrationContext,
  question: number,
  revision: number,
  atMs: number,
): Promise<Outcome> {
  return answer({ type: 'watch.seen', question, look: await look(ports, context, revision, atMs) });
}

/** Until the undo time is over; a migration without a load balancer has nothing to count. */
async function count(ports: Ports, context: MigrationContext, question: number, atMs: number): Promise<Outcome> {
  if (context.spec.routes.length === 0) return { kind: 'done' };
  const sinceMs = context.verifiedAtMs ?? atMs;
  const asked = { achieved: context.achieved, side: 'source', sinceMs, atMs } as const;
  return answer({ type: 'leftovers.counted', question, leftovers: await leftoversAt(ports, context.spec.name, asked) });
}

async function emptyBaseline(ports: Ports, record: MigrationRecord, question: number): Promise<Outcome> {
  try {
    await ports.router.emptyBaseline(record.name, contextOf(record).baseline as Baseline, record.revision);
  } catch (error) {
    if (!(error instanceof RescuedError)) throw error;
    return answer({ type: 'baseline.inUse', question, reason: error.message });
  }
  return answer({ type: 'baseline.emptied', question });
}

async function finish(ports: Ports, record: MigrationRecord): Promise<Outcome> {
  const context = contextOf(record);
  if (context.baseline !== null) await ports.router.emptyBaseline(record.name, context.baseline, record.revision);
  await ports.store.release(record.claims, { name: record.name, run: record.run });
  return { kind: 'done' };
}

function outcomeOf(error: unknown, command: Command, effect: EngineEffect): Outcome {
  const text = messageOf(error);
  if (error instanceof FencedError) return { kind: 'fenced', fence: error.fence };
  const backoff = effect.type === 'deliver' ? deliverRetryMs : retryMs;
  const inMs = Math.min(backoff.most, backoff.first * 2 ** Math.min(command.attempts, 20));
  if (error instanceof ConflictError) return again(Math.min(inMs, 500), text);
  if (effect.type === 'deliver') {
    const isOver = error instanceof TerminalError || command.attempts >= deliveriesMax;
    const retryAfterMs = error instanceof TransientError ? (error.retryAfterMs ?? 0) : 0;
    return isOver
      ? { kind: 'dropped', text: `a notice for ${effect.params.channel} could not be delivered: ${text}` }
      : again(Math.max(inMs, retryAfterMs), text);
  }
  if (error instanceof TerminalError) return terminal(effect, inMs, text);
  // A rollback is retried quickly, whatever fails: every second counts, and a rehearsal measures how many there are.
  if (effect.type === 'tryGlass') return again(retryMs.first, text);
  return again(effect.type === 'restore' ? Math.min(inMs, effect.params.everyMs * 5) : inMs, text);
}

function terminal(effect: Exclude<EngineEffect, { type: 'deliver' }>, inMs: number, reason: string): Outcome {
  switch (effect.type) {
    case 'preflight':
      return answer({ type: 'preflight.refused', question: effect.params.question, reason });
    case 'keepBaseline':
      return answer({ type: 'baseline.notKept', question: effect.params.question, reason });
    case 'shift':
      return answer({ type: 'shift.failed', question: effect.params.question, reason });
    default:
      return again(inMs, reason);
  }
}
