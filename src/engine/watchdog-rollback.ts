import type { MigrationRecord, RescueClaim } from '../domain/record.ts';
import { FencedError, messageOf, TransientError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { exclusively } from './exclusively.ts';
import { type Rescuable, rescuableOf } from './rescue-record.ts';
import { type Restored, restore } from './restore.ts';
import { seal } from './seal.ts';
import { commitRescue } from './watchdog-claim.ts';
import { tellPeople, type WatchdogNotice } from './watchdog-notice.ts';

const paceMs = 1_000;
/** Well within the silence after which another run of the watchdog takes over. */
const heartbeatMs = 10_000;

export type RollbackPorts = Pick<Ports, 'clock' | 'store' | 'router' | 'loadBalancer' | 'probe' | 'notifier'>;

export interface RolledBack {
  readonly name: string;
  /** `handedOver`: an engine, or another run of the watchdog, goes on with it. */
  readonly end: 'restored' | 'underWay' | 'handedOver';
  readonly note: string;
  readonly undelivered: readonly string[];
}

/** A claimed record on its way back; what one round found is the begin of the next. */
interface Rescue {
  readonly record: MigrationRecord;
  readonly claim: RescueClaim;
  /** The revision of the claim: it stays, so that a round without news writes nothing. */
  readonly fence: number;
  /** When the rollback began, by this machine's clock. */
  readonly beganMs: number;
  readonly heartbeatAtMs: number;
}

/** Restores the baseline of a claimed record, a look each second, until it is verified or `untilMs` is near. */
export async function rollBackClaimed(
  ports: RollbackPorts,
  claimed: MigrationRecord,
  untilMs: number,
): Promise<RolledBack> {
  const rescuable = rescuableOf(claimed) as Rescuable;
  const telling: Promise<readonly string[]>[] = [];
  let rescue: Rescue | null = begin(claimed, ports.clock.now());
  for (;;) {
    const round = await attempt(ports, rescue, rescuable);
    const news = newsOf(rescue.claim, round);
    for (const { kind, reason } of news) telling.push(tellPeople(ports, rescue.record, rescuable, kind, reason));
    const told = [...rescue.claim.told, ...news.map(({ kind }) => kind)];
    const isLast = ports.clock.now() + paceMs >= untilMs;
    const next: Rescue | null = await keep(ports, { ...rescue, claim: { ...rescue.claim, told } }, round, isLast);
    const end = endOf(next, isLast);
    if (next === null || end !== null) {
      const undelivered = (await Promise.all(telling)).flat();
      return { name: claimed.name, end: end ?? 'handedOver', note: round.note, undelivered };
    }
    rescue = next;
    await ports.clock.sleep(paceMs);
  }
}

function begin(record: MigrationRecord, nowMs: number): Rescue {
  const claim = record.rescue as RescueClaim;
  // An earlier run of the watchdog may have begun: both times are the store's, only their difference is used here.
  const beganMs = nowMs - (record.updatedAtMs - claim.atMs);
  return { record, claim, fence: record.revision, beganMs, heartbeatAtMs: nowMs };
}

function endOf(rescue: Rescue | null, isTimeOver: boolean): RolledBack['end'] | null {
  if (rescue === null) return 'handedOver';
  if (rescue.record.rescue?.phase === 'restored') return 'restored';
  return isTimeOver ? 'underWay' : null;
}

interface Round {
  readonly state: Restored['state'];
  readonly note: string;
  readonly brokeGlass: string | null;
  /** A newer fence that was found on an object. */
  readonly newerFence: number | null;
}

/** Nothing that the world does ends a rollback: what went wrong is looked at again a second later. */
async function attempt(
  ports: RollbackPorts,
  { record, fence, beganMs }: Rescue,
  { baseline, probes, isForced }: Rescuable,
): Promise<Round> {
  const failed = (error: unknown): Round => ({
    state: 'moving',
    note: messageOf(error),
    brokeGlass: null,
    newerFence: error instanceof FencedError ? error.fence : null,
  });
  const sealed = await seal(ports.router, baseline, fence).catch(failed);
  if (typeof sealed === 'object' && sealed.newerFence !== null) return sealed;
  const atMs = ports.clock.now();
  try {
    const { state, note, brokeGlass } = await restore(ports, {
      baseline,
      probes,
      fence,
      nudge: fence,
      atMs,
      forMs: atMs - beganMs,
      isForced,
      exclusively: (loadBalancer, work) =>
        exclusively(ports, `clb ${loadBalancer}`, `watchdog ${record.name} ${record.run} ${fence}`, work),
    });
    return { state: state === 'verified' && sealed !== true ? 'moving' : state, note, brokeGlass, newerFence: null };
  } catch (error) {
    return failed(error);
  }
}

/** Of what people are to be told after a round, each once. */
function newsOf(
  { told, reason }: RescueClaim,
  { state, note, brokeGlass }: Round,
): readonly { readonly kind: WatchdogNotice; readonly reason: string }[] {
  const all: readonly { readonly kind: WatchdogNotice; readonly reason: string | null }[] = [
    { kind: 'rollback.started', reason },
    { kind: 'rollback.brokeGlass', reason: brokeGlass },
    { kind: 'rollback.blocked', reason: state === 'blocked' ? note : null },
    { kind: 'rolledback', reason: state === 'verified' ? reason : null },
  ];
  return all.flatMap((one) => (one.reason === null || told.includes(one.kind) ? [] : [{ ...one, reason: one.reason }]));
}

/**
 * Commits what there is to say, and a heartbeat, so that the next run of the watchdog knows of this one. Null where
 * somebody else has committed: the rollback is theirs.
 */
async function keep(ports: RollbackPorts, rescue: Rescue, round: Round, isLast: boolean): Promise<Rescue | null> {
  const { record, claim } = rescue;
  const isRestored = round.state === 'verified';
  const isNews = claim.told.length > (record.rescue?.told.length ?? 0) || isRestored || round.newerFence !== null;
  if (!isNews && !isLast && ports.clock.now() - rescue.heartbeatAtMs < heartbeatMs) return rescue;
  try {
    const next = await commitRescue(
      ports,
      record,
      { ...claim, phase: isRestored ? 'restored' : isLast ? 'left' : 'restoring' },
      await ports.store.now(),
      {
        line: isRestored ? { kind: 'watchdog.restored', text: 'the baseline is back, verified at the CLB' } : null,
        revisionMin: (round.newerFence ?? 0) + 1,
      },
    );
    if (next === null) return null;
    const fence = round.newerFence === null ? rescue.fence : next.revision;
    return { ...rescue, record: next, fence, heartbeatAtMs: ports.clock.now() };
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    // The way back does not depend on the store: what was to be said is said when it answers again.
    return rescue;
  }
}
