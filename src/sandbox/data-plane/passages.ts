import type { Socket } from 'node:net';
import type { ListenerRef } from '../clb/connection-book.ts';
import type { ClbBackend, Listener } from '../clb/load-balancer.ts';
import type { ClbModel } from '../clb/model.ts';
import type { SandboxClock } from '../clock.ts';

/** The ways that the connections of one listener take to its backends: one kind a protocol. */
export interface Passages {
  readonly scheme: 'http' | 'https' | 'tcp';
  take(client: Socket): void;
  /** Looks again at what is open, after something changed at the load balancer. */
  review(): void;
  /** Takes nothing more, and cuts what is open. */
  stop(): void;
}

/** What passages need: where they belong, and how a backend is reached. */
export interface PassageWorld {
  readonly ref: ListenerRef;
  readonly model: ClbModel;
  readonly clock: SandboxClock;
  readonly addressOf: (backend: ClbBackend) => string | null;
}

export function listenerNow({ model, ref, clock }: PassageWorld): Listener | null {
  return model.listener(ref, clock.now());
}

export function isRunning(world: PassageWorld): boolean {
  return listenerNow(world)?.status === 'running';
}

/** Seconds of the load balancer's settings in wall ms. */
export function wallMs({ clock }: PassageWorld, seconds: number): number {
  return (1000 * seconds) / Math.max(1, clock.speed);
}

/** Counts a connection, or a request under way, as open; returns how to close it, which counts once. */
export function holdOpen({ model, ref }: PassageWorld, backend: ClbBackend): () => void {
  model.opened(ref, backend);
  let isOpen = true;
  return () => {
    if (isOpen) model.closed(ref, backend);
    isOpen = false;
  };
}
