import { type MigrationContext, stageOf } from '../../state-machines/context.ts';
import { areEntriesDue, type EntryAnswer } from '../domain/entry.ts';
import type { PortMapping, ProbeSpec, Route } from '../domain/spec.ts';
import { messageOf, TerminalError, TransientError } from '../ports/errors.ts';
import type { ListenerReading } from '../ports/load-balancer.ts';
import type { Ports } from '../ports/ports.ts';
import type { EntryQuestion } from '../ports/probe.ts';

type Asking = Pick<Ports, 'loadBalancer' | 'probe'>;

/** Whoever stands where the address cannot be reached must not hold up a look. */
const timeoutMsMax = 3_000;

/**
 * Asks every listener of every route at the load balancer's own address, once the target has weight. It is told and
 * decides nothing: from where Sluice runs the address may not be reachable, and probes ask the gateways themselves.
 */
export async function entriesOf(
  ports: Asking,
  context: MigrationContext,
  atMs: number,
): Promise<readonly EntryAnswer[]> {
  const { spec, verifiedAtMs, entries: known } = context;
  if (verifiedAtMs === null || stageOf(context).step.share <= 0) return known;
  if (spec.routes.length === 0 || !areEntriesDue(known, { verifiedAtMs, atMs })) return known;
  const asked = await Promise.all(spec.routes.map((route) => askRoute(ports, route, spec.probes, atMs)));
  const byEntry = new Map(asked.flat().map((one) => [`${one.loadBalancer}:${one.port}`, one]));
  return [...byEntry.values()];
}

async function askRoute(
  { loadBalancer: clb, probe }: Asking,
  { loadBalancer, ports }: Route,
  probes: readonly ProbeSpec[],
  askedAtMs: number,
): Promise<readonly EntryAnswer[]> {
  try {
    const [found, listeners] = await Promise.all([clb.describe(loadBalancer), clb.describeListeners(loadBalancer)]);
    const { address = '' } = found ?? {};
    return await Promise.all(
      ports.map(async (mapping) => {
        const listener = listeners.find((one) => one.group === mapping.group);
        const port = listener?.port ?? mapping.port;
        if (listener === undefined) return unasked(loadBalancer, port, 'no listener uses its group', askedAtMs);
        const question = questionFor({ loadBalancer, address, listener, mapping }, probes);
        return { loadBalancer, port, ...(await probe.enter(question)), askedAtMs };
      }),
    );
  } catch (error) {
    if (!(error instanceof TransientError || error instanceof TerminalError)) throw error;
    return ports.map(({ port }) => unasked(loadBalancer, port, messageOf(error), askedAtMs));
  }
}

function unasked(loadBalancer: string, port: number, detail: string, askedAtMs: number): EntryAnswer {
  return { loadBalancer, port, isOk: null, detail, askedAtMs };
}

interface Entry {
  readonly loadBalancer: string;
  readonly address: string;
  readonly listener: ListenerReading;
  readonly mapping: PortMapping;
}

/** What clients ask for is what the probes ask for; without any, the first page of whoever answers at the address. */
function questionFor({ loadBalancer, address, listener, mapping }: Entry, probes: readonly ProbeSpec[]): EntryQuestion {
  const probe =
    probes.find(({ port }) => port === mapping.port) ?? probes.find(({ port }) => port === null) ?? probes[0];
  return {
    loadBalancer,
    address,
    port: listener.port,
    // A TCP listener hands on what comes: by custom TLS is at these ports.
    isTls: listener.protocol === 'https' || (listener.protocol === 'tcp' && [443, 8443].includes(listener.port)),
    host: probe?.host ?? address,
    path: probe?.path ?? '/',
    status: probe?.status ?? null,
    timeoutMs: Math.min(timeoutMsMax, probe?.timeoutMs ?? timeoutMsMax),
  };
}
