import { connect } from 'node:net';
import type { ClbBackend } from '../clb/load-balancer.ts';
import type { CheckTarget, ClbModel } from '../clb/model.ts';
import type { SandboxClock } from '../clock.ts';

export interface HealthChecksOptions {
  readonly model: ClbModel;
  readonly clock: SandboxClock;
  readonly addressOf: (backend: ClbBackend) => string | null;
}

export interface HealthChecks {
  /** One round now, of every backend; resolves when its results are recorded. */
  round(): Promise<void>;
  stop(): Promise<void>;
}

const atOnceMax = 64;
const defaultIntervalMs = 2000;
/** A connect on loopback takes no time; below this a busy machine, not the backend, would be judged. */
const timeoutFloorMs = 500;

/** Checks every backend by a TCP connect, round after round, at the shortest interval of the listeners. */
export function startHealthChecks(options: HealthChecksOptions): HealthChecks {
  const stopping = new AbortController();
  const rounds = repeat(options, stopping.signal);
  return {
    round: async () => void (await checkAll(options)),
    stop: async () => {
      stopping.abort();
      await rounds;
    },
  };
}

async function repeat(options: HealthChecksOptions, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    const targets = await checkAll(options);
    const intervalMs = Math.min(...targets.map((target) => target.intervalMs), defaultIntervalMs);
    await options.clock.sleep(intervalMs, stopping);
  }
}

async function checkAll(options: HealthChecksOptions): Promise<readonly CheckTarget[]> {
  const targets = options.model.checkTargets(options.clock.now());
  for (let from = 0; from < targets.length; from += atOnceMax) {
    await Promise.all(targets.slice(from, from + atOnceMax).map((target) => check(options, target)));
  }
  return targets;
}

async function check({ model, clock, addressOf }: HealthChecksOptions, target: CheckTarget): Promise<void> {
  const host = addressOf(target.backend);
  const timeoutMs = Math.max(timeoutFloorMs, target.timeoutMs / clock.speed);
  const ok = host !== null && (await connects(host, target.backend.port, timeoutMs));
  model.recordCheck(target.vServerGroupId, target.backend, ok, clock.now());
}

function connects(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (ok: boolean) => () => {
      socket.destroy();
      resolve(ok);
    };
    socket.setTimeout(timeoutMs, finish(false));
    socket.once('connect', finish(true));
    socket.once('error', finish(false));
  });
}
