import type { IncomingHttpHeaders } from 'node:http';
import { pick } from '../mesh/subset-routing.ts';
import type { Random } from '../random.ts';
import type { CalledHost, SubsetTallies } from './gateway-messages.ts';
import { countAnswer, emptyTally, type Tally } from './tally.ts';

/** A host's destinations may name any subset, defined or not. */
const subsetsMax = 100;

/**
 * The calls that pages make inside the mesh. Nothing is sent: what a sidecar would do with a call is decided and counted
 * here, at the cost of a random number.
 */
export class MeshCalls {
  readonly #random: Random;
  readonly #tallies = new Map<string, Map<string, Tally>>();
  #hosts: readonly CalledHost[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  set(hosts: readonly CalledHost[]): void {
    this.#hosts = hosts;
  }

  /** The calls for one page. Its headers go along, as Bookinfo's page passes on those that it is told to. */
  make(page: string, headers: IncomingHttpHeaders): void {
    for (const { host, page: caller, path, routing, errorRates } of this.#hosts) {
      if (caller !== page) continue;
      const choice = pick(routing, { path, headers }, this.#random.next());
      if (choice === null || choice.subset === null) continue;
      const isError = choice.isDead || this.#random.next() < (errorRates[choice.subset] ?? 0);
      this.#count(host, choice.subset, isError);
    }
  }

  counters(): SubsetTallies {
    return Object.fromEntries([...this.#tallies].map(([host, subsets]) => [host, Object.fromEntries(subsets)]));
  }

  #count(host: string, subset: string, isError: boolean): void {
    const subsets = this.#tallies.get(host) ?? new Map<string, Tally>();
    this.#tallies.set(host, subsets);
    const tally = subsets.get(subset) ?? emptyTally();
    if (subsets.size >= subsetsMax && !subsets.has(subset)) return;
    subsets.set(subset, tally);
    countAnswer(tally, isError, 0);
  }
}
