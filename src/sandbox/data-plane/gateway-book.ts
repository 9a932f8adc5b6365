import type { GatewayCounters } from './gateway-messages.ts';
import type { OpenConnections } from './open-connections.ts';
import { type Counts, countsOf, difference, emptyTally, type Tally } from './tally.ts';
import { TallyWindow } from './tally-window.ts';

export interface SideCounters {
  readonly sinceStart: Counts;
  readonly last10s: Counts;
}

export interface GatewayReading extends SideCounters {
  /** By `address:port`, since the start. */
  readonly backends: GatewayCounters['backends'];
  /** By the load balancer that a request came in at; one of an L4 listener is in the sum alone. */
  readonly loadBalancers: Readonly<Record<string, SideCounters>>;
  /** Of callers inside the cluster, who came past every load balancer; in the sum as well. */
  readonly direct: SideCounters;
  /** Now. */
  readonly open: OpenConnections;
  /** Calls inside the mesh: host, as `default/reviews`, -> subset. They have no latency of their own. */
  readonly subsets: Readonly<Record<string, Readonly<Record<string, SideCounters>>>>;
}

/** One series of reports: their growth is what is counted. */
class Series {
  readonly #window = new TallyWindow(Date.now());
  #reported: Tally = emptyTally();

  enter(tally: Tally, now: number): void {
    this.#window.add(now, difference(tally, this.#reported));
    this.#reported = tally;
  }

  reading(now: number): SideCounters {
    return { sinceStart: countsOf(this.#window.sinceStart), last10s: countsOf(this.#window.last10s(now)) };
  }
}

/** A series for each name, from when it is first reported. */
class SeriesByName {
  readonly #series = new Map<string, Series>();

  enter(tallies: Readonly<Record<string, Tally>>, now: number): void {
    for (const [name, tally] of Object.entries(tallies)) {
      const series = this.#series.get(name) ?? new Series();
      this.#series.set(name, series);
      series.enter(tally, now);
    }
  }

  reading(now: number): Readonly<Record<string, SideCounters>> {
    return Object.fromEntries([...this.#series].map(([name, series]) => [name, series.reading(now)]));
  }
}

const nothingOpen: OpenConnections = { total: 0, loadBalancers: {} };

/** What one gateway process has reported. `now` is wall time in ms. */
export class GatewayBook {
  readonly #total = new Series();
  readonly #loadBalancers = new SeriesByName();
  readonly #direct = new Series();
  readonly #subsets = new Map<string, SeriesByName>();
  #backends: GatewayCounters['backends'] = {};
  #open: OpenConnections = nothingOpen;

  enter({ total, backends, loadBalancers, direct, open, subsets }: GatewayCounters, now: number): void {
    this.#total.enter(total, now);
    this.#direct.enter(direct, now);
    this.#open = open;
    this.#backends = backends;
    this.#loadBalancers.enter(loadBalancers, now);
    for (const [host, tallies] of Object.entries(subsets)) {
      const series = this.#subsets.get(host) ?? new SeriesByName();
      this.#subsets.set(host, series);
      series.enter(tallies, now);
    }
  }

  /** The process is gone, and every connection with it. */
  end(): void {
    this.#open = nothingOpen;
  }

  reading(now: number): GatewayReading {
    const subsets = [...this.#subsets].map(([host, series]) => [host, series.reading(now)] as const);
    return {
      ...this.#total.reading(now),
      backends: this.#backends,
      loadBalancers: this.#loadBalancers.reading(now),
      direct: this.#direct.reading(now),
      open: this.#open,
      subsets: Object.fromEntries(subsets),
    };
  }
}
