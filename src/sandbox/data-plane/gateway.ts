import { type ChildProcess, fork } from 'node:child_process';
import { GatewayBook, type GatewayReading } from './gateway-book.ts';
import type {
  CalledHost,
  FromGateway,
  GatewayKnobs,
  GatewaySide,
  GatewayStart,
  ListenPair,
  ToGateway,
} from './gateway-messages.ts';

export interface GatewayOptions {
  readonly side: GatewaySide;
  /** Path of the built gateway-process. */
  readonly program: string;
  readonly listen: readonly ListenPair[];
  /** Port of the admin endpoint; a free one when absent. */
  readonly adminPort?: number;
  /** Name of the workload in the metrics; the side's usual one when absent. */
  readonly workload?: string;
  readonly seed?: number;
}

/** The parent's handle of one gateway process. */
export interface Gateway {
  readonly side: GatewaySide;
  readonly pid: number;
  readonly adminUrl: string;
  /** Resolves once the process works by it; rejects where the process is gone. */
  set(knobs: Partial<GatewayKnobs>): Promise<void>;
  /** Answers at these addresses and at no others; one that goes is drained. */
  listen(pairs: readonly ListenPair[]): Promise<void>;
  /** From now on pages call these hosts inside the mesh, and no others. */
  call(hosts: readonly CalledHost[]): Promise<void>;
  /** Whether this gateway is, or was, what answers there. */
  answersAt(address: string, port: number): boolean;
  /** As last reported: at most 100 ms old. */
  counters(): GatewayReading;
  /** The process's exit, whatever the cause. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

const workloads: Readonly<Record<GatewaySide, string>> = {
  source: 'istio-ingressgateway',
  target: 'istio-ingressgateway-asm',
};
const answerWithinMs = 10_000;
const stopWithinMs = 2000;

/** Starts a gateway process and resolves when it listens everywhere. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const start: GatewayStart = {
    side: options.side,
    listen: options.listen,
    adminPort: options.adminPort ?? 0,
    workload: options.workload ?? workloads[options.side],
    seed: options.seed ?? 1,
  };
  // No flags of the parent's: a debugger's port or a test runner's loader is not the gateway's.
  const child = fork(options.program, [JSON.stringify(start)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const gateway = new GatewayProcess(child, options.side, options.listen);
  try {
    return await gateway.ready();
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

class GatewayProcess implements Gateway {
  readonly side: GatewaySide;
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { done: () => void; failed: (error: Error) => void }>();
  readonly #book = new GatewayBook();
  readonly #places = new Set<string>();
  #ready: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;
  #adminPort = 0;
  #lastId = 0;
  #stderr = '';

  constructor(child: ChildProcess, side: GatewaySide, pairs: readonly ListenPair[]) {
    this.#child = child;
    this.side = side;
    this.#remember(pairs);
    child.on('message', (message: FromGateway) => this.#receive(message));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = `${this.#stderr}${chunk}`.slice(-1000);
    });
    this.exited = endOf(child).then((how) => {
      this.#book.end();
      this.#fail(new Error(`the ${side} gateway is gone (${how}) ${this.#stderr}`.trim()));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.#adminPort}`;
  }

  async ready(): Promise<Gateway> {
    let late: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#ready = { resolve, reject };
        late = setTimeout(() => reject(new Error(`the ${this.side} gateway did not start in time`)), answerWithinMs);
      });
    } finally {
      clearTimeout(late);
    }
    return this;
  }

  set(knobs: Partial<GatewayKnobs>): Promise<void> {
    return this.#ask({ kind: 'set', id: this.#nextId(), knobs });
  }

  listen(pairs: readonly ListenPair[]): Promise<void> {
    this.#remember(pairs);
    return this.#ask({ kind: 'listen', id: this.#nextId(), pairs });
  }

  call(hosts: readonly CalledHost[]): Promise<void> {
    return this.#ask({ kind: 'call', id: this.#nextId(), hosts });
  }

  answersAt(address: string, port: number): boolean {
    return this.#places.has(placeOf({ address, port }));
  }

  counters(): GatewayReading {
    return this.#book.reading(Date.now());
  }

  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), stopWithinMs);
    await this.exited;
    clearTimeout(kill);
  }

  #remember(pairs: readonly ListenPair[]): void {
    for (const pair of pairs) this.#places.add(placeOf(pair));
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  #ask(message: ToGateway): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (then: () => void) => () => {
        clearTimeout(late);
        this.#waiting.delete(message.id);
        then();
      };
      const failed = (error: Error) => settle(() => reject(error))();
      const late = setTimeout(() => failed(new Error(`the ${this.side} gateway does not answer`)), answerWithinMs);
      this.#waiting.set(message.id, { done: settle(resolve), failed });
      if (!this.#child.connected) failed(new Error(`the ${this.side} gateway is gone`));
      else this.#child.send(message, (error) => error !== null && failed(error));
    });
  }

  #receive(message: FromGateway): void {
    switch (message.kind) {
      case 'ready':
        this.#adminPort = message.adminPort;
        this.#ready?.resolve();
        return;
      case 'done':
        this.#waiting.get(message.id)?.done();
        return;
      case 'failed':
        this.#waiting.get(message.id)?.failed(new Error(message.message));
        return;
      case 'counters':
        this.#book.enter(message.counters, Date.now());
        return;
      default:
        message satisfies never;
    }
  }

  #fail(error: Error): void {
    this.#ready?.reject(error);
    for (const { failed } of [...this.#waiting.values()]) failed(error);
  }
}

function placeOf({ address, port }: ListenPair): string {
  return `${address}:${port}`;
}

/**
 * Resolves with how a process ended, once its last words are read. Not by 'close': that one never comes where this side
 * disconnected first.
 */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve(error.message);
    });
    child.once('exit', (code, signal) => {
      const how = String(signal ?? code);
      if (child.stderr === null || child.stderr.closed) resolve(how);
      else child.stderr.once('close', () => resolve(how));
    });
  });
}
