import type { Notice, NoticeKind } from '../domain/notice.ts';
import type { MigrationRecord } from '../domain/record.ts';
import { messageOf, TransientError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import type { Rescuable } from './rescue-record.ts';

const attemptsMax = 3;
const againMs = 2_000;

const words = {
  'rollback.started': {
    title: 'the watchdog rolls it back',
    next: 'the baseline is restored and verified; find out why the functions tick and step do not run',
    severity: 'critical',
  },
  'rollback.blocked': {
    title: 'the rollback by the watchdog cannot go on',
    next: 'it goes on by itself when the cause is gone',
    severity: 'critical',
  },
  'rollback.brokeGlass': {
    title: 'weights were set straight at the CLB by the watchdog, past the cloud controller',
    next: 'they are read and set again until the annotations agree',
    severity: 'critical',
  },
  rolledback: {
    title: 'the baseline is back, verified at the CLB, by the watchdog',
    next: 'the record is closed when the functions tick and step run again',
    severity: 'warning',
  },
} as const satisfies Partial<Record<NoticeKind, Pick<Notice, 'title' | 'next' | 'severity'>>>;

export type WatchdogNotice = keyof typeof words;

/**
 * Tells people without the outbox, which nobody carries out now: straight to the channels of the record, a few times and
 * no more, for a chat must not hold up the way back. What the engine tells when it is back comes beside it.
 * @returns the notices that could not be delivered, in words
 */
export async function tellPeople(
  { notifier, clock }: Pick<Ports, 'notifier' | 'clock'>,
  record: MigrationRecord,
  rescuable: Rescuable,
  kind: WatchdogNotice,
  reason: string,
): Promise<readonly string[]> {
  const notice = noticeOf(record, rescuable, kind, reason);
  const post = async (channel: string): Promise<readonly string[]> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await notifier.post(channel, notice);
        return [];
      } catch (error) {
        if (attempt >= attemptsMax || !(error instanceof TransientError)) {
          return [`a notice for ${channel} could not be delivered: ${messageOf(error)}`];
        }
        await clock.sleep(againMs);
      }
    }
  };
  return (await Promise.all(rescuable.channels.map(post))).flat();
}

function noticeOf(record: MigrationRecord, rescuable: Rescuable, kind: WatchdogNotice, reason: string): Notice {
  const { title, next, severity } = words[kind];
  const { step, steps } = rescuable;
  return {
    id: `${record.run}-watchdog-${kind.replaceAll('.', '-')}`,
    kind,
    atMs: record.updatedAtMs,
    migration: record.name,
    run: record.run,
    state: record.state,
    step: step + 1,
    steps: steps.length,
    route: null,
    asked: kind === 'rolledback' ? 0 : (steps[step]?.share ?? 0),
    achieved: null,
    observed: null,
    severity,
    title: `${record.name}: ${title}`,
    reason,
    next,
  };
}
