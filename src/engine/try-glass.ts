import type { Baseline, BaselineRoute } from '../domain/baseline.ts';
import type { GlassMove } from '../domain/break-glass.ts';
import type { GlassTried } from '../domain/measured.ts';
import { glassTrial } from '../domain/rehearsal.ts';
import { messageOf, TerminalError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { observe } from './observe.ts';
import type { Restoring } from './restore.ts';

type TryPorts = Pick<Ports, 'router' | 'loadBalancer' | 'store'>;

/**
 * Sets weights straight at each CLB, reads them back, and sets the annotated ones again: proof of the right to do it, and
 * of how long it takes, before it is needed. Again from the start after a crash, it ends the same.
 *
 * @param sinceMs when it was asked for, by the store's clock: what a busy load balancer costs is part of the time it takes
 * @throws TransientError; what is refused for good is the answer
 */
export async function tryGlass(
  ports: TryPorts,
  baseline: Baseline,
  sinceMs: number,
  exclusively: Restoring['exclusively'],
): Promise<GlassTried> {
  let tried: GlassTried = { ms: null, problem: null };
  try {
    for (const route of baseline.routes) {
      tried = await tryRoute(ports, route, sinceMs, exclusively);
      if (tried.problem !== null) return tried;
    }
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { ms: null, problem: messageOf(error) };
  }
  return tried;
}

async function tryRoute(
  ports: TryPorts,
  baseline: BaselineRoute,
  sinceMs: number,
  exclusively: Restoring['exclusively'],
): Promise<GlassTried> {
  const { loadBalancer } = baseline.route;
  const { set, undo } = glassTrial(await observe(ports, baseline.route), baseline);
  let tried: GlassTried = { ms: null, problem: `somebody else is writing to ${loadBalancer}` };
  await exclusively(loadBalancer, async () => {
    try {
      await write(ports, set);
      const missing = await missed(ports, baseline, set);
      tried = { ms: missing === null ? (await ports.store.now()) - sinceMs : null, problem: missing };
    } finally {
      await write(ports, undo);
    }
    const left = await missed(ports, baseline, undo);
    if (left !== null) tried = { ...tried, problem: `what was tried could not be undone: ${left}` };
  });
  return tried;
}

async function write({ loadBalancer }: Pick<Ports, 'loadBalancer'>, moves: readonly GlassMove[]): Promise<void> {
  for (const { group, backends } of moves) await loadBalancer.setWeights(group, backends);
}

/** What the CLB has otherwise than it was set; null where it has it all. */
async function missed(
  { loadBalancer }: Pick<Ports, 'loadBalancer'>,
  { route }: BaselineRoute,
  moves: readonly GlassMove[],
): Promise<string | null> {
  const groups = await loadBalancer.describeGroups(route.loadBalancer, route.ports);
  for (const { group, backends } of moves) {
    const found = groups.find((one) => one.group === group)?.backends ?? [];
    for (const { serverId, port, weight } of backends) {
      const now = found.find((one) => one.serverId === serverId && one.port === port)?.weight;
      if (now !== weight) return `backend ${serverId}:${port} in ${group} has weight ${now ?? 'none'}, not ${weight}`;
    }
  }
  return null;
}
