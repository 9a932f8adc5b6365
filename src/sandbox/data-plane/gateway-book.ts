import type { GatewayCounters } from './gateway-messages.ts';
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

/** What one gateway process has reported. `now` is wall time in ms. */
export class GatewayBook {
  readonly #total = new Series();
  readonly #loadBalancers = new Map<string, Series>();
  #backends: GatewayCounters['backends'] = {};

  enter({ total, backends, loadBalancers }: GatewayCounters, now: number): void {
    this.#total.enter(total, now);
    this.#backends = backends;
    for (const [id, tally] of Object.entries(loadBalancers)) {
      const series = this.#loadBalancers.get(id) ?? new Series();
      this.#loadBalancers.set(id, series);
      series.enter(tally, now);
    }
  }

  reading(now: number): GatewayReading {
    const loadBalancers = [...this.#loadBalancers].map(([id, series]) => [id, series.reading(now)] as const);
    return {
      ...this.#total.reading(now),
      backends: this.#backends,
      loadBalancers: Object.fromEntries(loadBalancers),
    };
  }
}
