import type { Agent } from 'node:http';
import type { ListenerRef } from '../clb/connection-book.ts';
import type { Listener } from '../clb/load-balancer.ts';
import { Entrance } from './entrance.ts';
import { httpPassages } from './http-passages.ts';
import type { Passages, PassageWorld } from './passages.ts';
import { tcpPassages } from './tcp-passages.ts';

/** Load balancer -> listener port -> URL without a slash at the end. */
export type Entries = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface DoorsOptions extends Omit<PassageWorld, 'ref'> {
  /** The connections of a load balancer to its backends, which it shares with no other. */
  readonly agentOf: (loadBalancer: string) => Agent;
  readonly certificate: { readonly key: string; readonly cert: string };
  /** Load balancer -> listener port -> port on loopback; free ones where absent. */
  readonly ports: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

interface Door {
  readonly ref: ListenerRef;
  readonly entrance: Entrance;
}

const doorsMax = 500;

/** A front door for each listener that the model has: made, changed and closed as listeners are at the API. */
export class Doors {
  /** Follows the listeners; an object that stays the same. */
  readonly entries: Entries;
  readonly #entries: Record<string, Record<string, string>> = {};
  readonly #options: DoorsOptions;
  readonly #doors = new Map<string, Door>();
  readonly #forget: () => void;
  #following: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  #isStopped = false;

  constructor(options: DoorsOptions) {
    this.#options = options;
    this.entries = this.#entries;
    this.#forget = options.model.onChange(() => this.follow());
    this.follow();
  }

  /** Doors that are there take their listener as it is now; new listeners get theirs, one after another. */
  follow(): void {
    for (const door of this.#doors.values()) this.#refresh(door);
    if (this.#missing().length === 0) return;
    this.#following = this.#following
      .then(() => this.#openMissing())
      .catch((cause: unknown) => {
        this.#failure ??= new Error('a front door could not be opened', { cause });
      });
  }

  /** Resolves when every listener of this moment has its door. @throws Error where one could not be had */
  async settled(): Promise<void> {
    await this.#following;
    if (this.#failure !== null) throw this.#failure;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#forget();
    await this.#following;
    await Promise.all([...this.#doors.values()].map(({ entrance }) => entrance.stop()));
  }

  #refresh({ ref, entrance }: Door): void {
    const listener = this.#options.model.listener(ref, this.#options.clock.now());
    const scheme = listener === null ? null : schemeOf(listener);
    if ((entrance.passages?.scheme ?? null) !== scheme) entrance.use(this.#passages(ref, scheme));
    entrance.passages?.review();
    const ports = this.#entries[ref.loadBalancerId] ?? {};
    if (scheme === null) delete ports[ref.port];
    else ports[ref.port] = `${scheme}://127.0.0.1:${entrance.port}`;
    this.#entries[ref.loadBalancerId] = ports;
  }

  #passages(ref: ListenerRef, scheme: Passages['scheme'] | null): Passages | null {
    const world = { ...this.#options, ref, agent: this.#options.agentOf(ref.loadBalancerId) };
    switch (scheme) {
      case 'http':
        return httpPassages({ ...world, certificate: null });
      case 'https':
        return httpPassages(world);
      case 'tcp':
        return tcpPassages(world);
      case null:
        return null;
      default:
        return scheme satisfies never;
    }
  }

  #missing(): readonly ListenerRef[] {
    const { model, clock } = this.#options;
    return model.loadBalancers(clock.now()).flatMap(({ id, listeners }) =>
      listeners
        .filter((listener) => schemeOf(listener) !== null)
        .map(({ port }) => ({ loadBalancerId: id, port }))
        .filter((ref) => !this.#doors.has(keyOf(ref))),
    );
  }

  async #openMissing(): Promise<void> {
    for (const ref of this.#missing()) {
      if (this.#isStopped) return;
      if (this.#doors.size >= doorsMax) throw new Error(`at most ${doorsMax} front doors`);
      const entrance = await Entrance.open(this.#options.ports[ref.loadBalancerId]?.[ref.port] ?? 0);
      const door = { ref, entrance };
      this.#doors.set(keyOf(ref), door);
      this.#refresh(door);
    }
  }
}

/** UDP has no door: nothing here speaks it. */
function schemeOf({ protocol }: Listener): Passages['scheme'] | null {
  return protocol === 'udp' ? null : protocol;
}

function keyOf({ loadBalancerId, port }: ListenerRef): string {
  return `${loadBalancerId}/${port}`;
}
