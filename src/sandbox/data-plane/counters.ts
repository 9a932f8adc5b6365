import type { Clients } from './clients.ts';
import type { Gateway } from './gateway.ts';
import type { Counts } from './tally.ts';

/** What `GET /counters` of the control API answers. Each side is counted at its gateway, what is lost at the clients. */
export interface Counters {
  readonly source: SideCounters;
  readonly target: SideCounters;
  readonly lost: { readonly sinceStart: number; readonly last10s: number };
}

export interface SideCounters {
  readonly sinceStart: Counts;
  readonly last10s: Counts;
}

export function countersOf(
  source: Pick<Gateway, 'counters'>,
  target: Pick<Gateway, 'counters'>,
  clients: Pick<Clients, 'counters'>,
): Counters {
  const { sinceStart, last10s } = clients.counters();
  return {
    source: sideCounters(source),
    target: sideCounters(target),
    lost: { sinceStart: sinceStart.lost, last10s: last10s.lost },
  };
}

function sideCounters(gateway: Pick<Gateway, 'counters'>): SideCounters {
  const { sinceStart, last10s } = gateway.counters();
  return { sinceStart, last10s };
}
