import type { ClbClient } from '../adapters/clb/clb-client.ts';
import type { Cluster, KubernetesClients } from '../adapters/kubernetes/clients.ts';
import { fieldManager } from '../adapters/kubernetes/fence.ts';
import { listWarnings } from '../adapters/kubernetes/objects.ts';
import { systemClock } from '../adapters/system-clock.ts';
import type { Annotations } from '../domain/annotations.ts';
import { type Release, releasedTags } from '../domain/release.ts';
import { strayGroups, verifyRelease } from '../domain/release-verification.ts';
import { ConflictError, messageOf, TerminalError, TransientError } from '../ports/errors.ts';
import { readGroups, readReleasingService } from './release-sources.ts';

/** One step and what came of it. */
export interface StepDone {
  readonly step: string;
  readonly outcome: 'done' | 'not done' | 'not tried' | 'undone' | 'not undone';
  readonly detail: string;
}

export interface Released {
  readonly isDone: boolean;
  readonly steps: readonly StepDone[];
  readonly notes: readonly string[];
}

interface Step {
  readonly step: string;
  /** Again is harmless. @returns what there is to say of it */
  run(): Promise<string>;
}

interface Work {
  readonly clb: ClbClient;
  readonly cluster: Cluster;
  readonly release: Release;
  readonly untilMs: number;
}

const clock = systemClock();
const pauseMs = 1_000;
/** An undoing is not given up because the time for the doing is over. */
const undoMsMax = 60_000;

/**
 * Carries a release out, and puts everything back where a step fails: what stands between two steps would make the cloud
 * controller set up groups that nothing listens on, so nothing is ever left there on purpose.
 */
export async function applyRelease(
  clients: KubernetesClients,
  clb: ClbClient,
  release: Release,
  forMs: number,
): Promise<Released> {
  const cluster = clients.cluster(release.service.cluster);
  const work = { clb, cluster, release, untilMs: clock.now() + forMs };
  const steps = stepsOf(work);
  const done: StepDone[] = [];
  for (const step of steps) {
    const row = await carryOut(step, 'done', 'not done', work.untilMs);
    done.push(row);
    if (row.outcome === 'done') continue;
    const rest = steps.slice(done.length).map((one) => ({ step: one.step, outcome: 'not tried' as const, detail: '' }));
    return { isDone: false, steps: [...done, ...rest, ...(await undo(work))], notes: [] };
  }
  const stray = strayGroups(release, await readGroups(clb, release.loadBalancer));
  return {
    isDone: true,
    steps: done,
    notes: stray.map(
      (group) => `the controller made ${group} in between; nothing listens on it, and it is not removed`,
    ),
  };
}

function stepsOf(work: Work): readonly Step[] {
  const { clb, release } = work;
  const { loadBalancer, renames, tags, annotations } = release;
  // Of before the first attempt: only a hash that differs from it says that the controller has read the annotations (A10).
  let before: { readonly hash: string | null } | null = null;
  const annotate = async (wanted: Annotations): Promise<string> => {
    const found = await readReleasingService(work.cluster, release.service);
    before ??= { hash: found.hash };
    await patch(work.cluster, found, wanted);
    return '';
  };
  const untagging = { step: `take the tags ${tags.join(' and ')} from ${loadBalancer}`, run: () => untag(work) };
  return [
    ...renames.map(({ group, from, to }) => ({
      step: `rename ${group} from ${from} to ${to}`,
      run: () => rename(clb, loadBalancer, group, to),
    })),
    ...(tags.length === 0 ? [] : [untagging]),
    ...(annotations === null
      ? []
      : [
          { step: `annotate ${nameOf(release)} with ${textOf(annotations)}`, run: () => annotate(annotations) },
          { step: 'verify at the CLB that no share changed', run: () => verify(work, before?.hash ?? null) },
        ]),
  ];
}

/**
 * Tags first: with them on, the controller refuses to share before it looks at any group, so nothing that it does in
 * between counts. The annotations last: their change is what makes it look again, and then all is as it made it.
 */
async function undo({ clb, cluster, release }: Work): Promise<readonly StepDone[]> {
  const { loadBalancer, made } = release;
  const untilMs = clock.now() + undoMsMax;
  const tag = async (): Promise<string> => {
    await clb.tagResources(loadBalancer, made.tags);
    return '';
  };
  const annotate = async (): Promise<string> => {
    await patch(cluster, await readReleasingService(cluster, release.service), made.annotations);
    return '';
  };
  const steps: readonly Step[] = [
    ...(Object.keys(made.tags).length === 0 ? [] : [{ step: `put the tags of ${loadBalancer} back`, run: tag }]),
    ...made.names.map(({ group, name }) => ({
      step: `name ${group} ${name} again`,
      run: () => rename(clb, loadBalancer, group, name),
    })),
    { step: `put the annotations of ${nameOf(release)} back`, run: annotate },
  ];
  const undone: StepDone[] = [];
  for (const step of steps) undone.push(await carryOut(step, 'undone', 'not undone', untilMs));
  return undone;
}

/** What is busy now may not be later: tried again until the time is over. */
async function carryOut(
  { step, run }: Step,
  good: 'done' | 'undone',
  bad: 'not done' | 'not undone',
  untilMs: number,
): Promise<StepDone> {
  for (;;) {
    try {
      return { step, outcome: good, detail: await run() };
    } catch (error) {
      const isPassing = error instanceof TransientError || error instanceof ConflictError;
      if (!isPassing && !(error instanceof TerminalError)) throw error;
      if (!isPassing || clock.now() + pauseMs > untilMs) return { step, outcome: bad, detail: messageOf(error) };
      await clock.sleep(pauseMs);
    }
  }
}

async function rename(clb: ClbClient, loadBalancer: string, group: string, name: string): Promise<string> {
  await clb.renameVServerGroup(group, name);
  const groups = await clb.describeVServerGroups(loadBalancer);
  const found = groups.find((one) => one.VServerGroupId === group)?.VServerGroupName;
  if (found !== name) throw new TransientError(`the CLB still calls ${group} ${found ?? 'nothing'}`);
  return '';
}

async function untag({ clb, release: { loadBalancer, tags } }: Work): Promise<string> {
  await clb.untagResources(loadBalancer, tags);
  const left = await clb.listTagResources(loadBalancer);
  const still = releasedTags.filter((key) => left[key] !== undefined);
  if (still.length > 0) throw new TransientError(`the CLB still has the tag ${still.join(', ')}`);
  return '';
}

type Found = Awaited<ReturnType<typeof readReleasingService>>;

/** All annotations in one write, so that the controller never sees a part of them. */
async function patch(
  cluster: Cluster,
  { service, resourceVersion }: Found,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  const { namespace, name } = service;
  const isSaid = Object.entries(annotations).every(([key, value]) => (service.annotations[key] ?? null) === value);
  if (isSaid) return;
  const body = { metadata: { resourceVersion, annotations } };
  await cluster.ask({ verb: 'patch', resource: 'services', namespace, name }, ({ core, mergePatch }) =>
    core.patchNamespacedService({ namespace, name, body, fieldManager }, mergePatch),
  );
}

async function verify({ clb, cluster, release }: Work, hashBefore: string | null): Promise<string> {
  const { namespace, name } = release.service;
  const { hash } = await readReleasingService(cluster, release.service);
  if (hash === hashBefore) {
    const [warning] = (await listWarnings(cluster, namespace, name)).toSorted((a, b) => timeOf(b) - timeOf(a));
    const said = warning?.message === undefined ? '' : `; its last warning: ${warning.message.slice(0, 300)}`;
    throw new TransientError(`the cloud controller has not processed the annotations${said}`);
  }
  const verdict = verifyRelease(release, await readGroups(clb, release.loadBalancer));
  if (verdict.kind === 'waiting') throw new TransientError(verdict.detail);
  return verdict.detail;
}

function timeOf(event: { readonly lastTimestamp?: Date }): number {
  return event.lastTimestamp?.getTime() ?? 0;
}

export function nameOf({ service: { cluster, namespace, name } }: Release): string {
  return `Service ${cluster}/${namespace}/${name}`;
}

/** `loadbalancer-id=lb-1, ...`: the annotations by the end of their keys. */
export function textOf(annotations: Annotations): string {
  return Object.entries(annotations)
    .map(([key, value]) => `${key.replace(/^.*(?=loadbalancer-)/, '')}=${value}`)
    .join(', ');
}
