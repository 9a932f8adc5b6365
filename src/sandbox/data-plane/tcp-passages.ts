import { connect, type Socket } from 'node:net';
import type { ClbBackend, Listener } from '../clb/load-balancer.ts';
import { holdOpen, isRunning, listenerNow, type Passages, type PassageWorld, wallMs } from './passages.ts';

const connectWithinMs = 5000;

/**
 * The passages of a TCP listener: each connection goes to one backend for as long as it lives, whatever becomes of the
 * weights (reference E11, E12).
 */
export function tcpPassages(world: PassageWorld): Passages {
  const open = new Set<TcpPassage>();
  const take = (client: Socket): void => {
    const listener = listenerNow(world);
    const { remoteAddress: address = '', remotePort: port = 0 } = client;
    const backend = world.model.pick(world.ref, world.clock.now(), { client: { address, port } });
    const host = backend === null ? null : world.addressOf(backend);
    if (listener === null || backend === null || host === null) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const passage = new TcpPassage(world, client, { ...backend, host }, listener);
    open.add(passage);
    passage.closed(() => open.delete(passage));
  };
  const cutAll = (): void => {
    for (const passage of open) passage.cut();
  };
  return {
    scheme: 'tcp',
    take,
    review: () => {
      if (!isRunning(world)) cutAll();
      for (const passage of open) passage.review();
    },
    stop: cutAll,
  };
}

/** One connection through to its backend. Nothing is retried: a refusal reaches the client as a reset. */
class TcpPassage {
  readonly #world: PassageWorld;
  readonly #client: Socket;
  readonly #backend: ClbBackend;
  readonly #upstream: Socket;
  #drain: NodeJS.Timeout | null = null;

  constructor(
    world: PassageWorld,
    client: Socket,
    backend: ClbBackend & { readonly host: string },
    { establishedTimeoutS }: Listener,
  ) {
    this.#world = world;
    this.#client = client;
    this.#backend = backend;
    const upstream = connect({ host: backend.host, port: backend.port, allowHalfOpen: true, noDelay: true });
    this.#upstream = upstream;
    const late = setTimeout(() => this.cut(), connectWithinMs);
    upstream.once('connect', () => {
      clearTimeout(late);
      client.pipe(upstream).pipe(client);
      // Every byte passes both sockets, so one of them tells for both how long nothing came.
      client.setTimeout(wallMs(world, establishedTimeoutS), () => this.cut());
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      // A broken end is passed on as what it is; a close in both directions went before it where all was well.
      one.on('error', () => other.resetAndDestroy());
      one.once('close', () => other.destroy());
    }
    this.closed(holdOpen(world, backend));
    this.closed(() => {
      clearTimeout(late);
      this.#stopDrain();
    });
  }

  /** Calls back once, when the connection to the backend is gone. */
  closed(then: () => void): void {
    this.#upstream.once('close', then);
  }

  /** Both ends see a reset, as of a load balancer that forgot the connection. */
  cut(): void {
    this.#client.resetAndDestroy();
    this.#upstream.resetAndDestroy();
  }

  /**
   * A backend that was taken away or fell ill keeps its connections: until ConnectionDrainTimeout where draining is on,
   * else until they end by themselves. Weight 0 is neither (reference E11).
   *
   * @source Alibaba Cloud "Configure connection draining": connections are not terminated at once where it is off
   */
  review(): void {
    const { model, ref, clock } = this.#world;
    const listener = listenerNow(this.#world);
    if (listener === null || model.isStanding(ref, this.#backend, clock.now())) {
      this.#stopDrain();
    } else if (listener.connectionDrain === 'on') {
      this.#drain ??= setTimeout(() => this.cut(), wallMs(this.#world, listener.connectionDrainTimeoutS));
    }
  }

  #stopDrain(): void {
    if (this.#drain !== null) clearTimeout(this.#drain);
    this.#drain = null;
  }
}
