import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { ContextData } from './handler.ts';
import { exitedUnexpectedly, type InstanceKind, type InstanceOptions, type LiveInstance } from './instance.ts';
import type { FromInstance, ToInstance } from './instance-messages.ts';
import type { Outcome } from './invocation.ts';
import type { OrphanGuard } from './orphan-guard.ts';

/** How long a process may take to load its code before it counts as broken, in wall time. */
const startMsMax = 60_000;
const nothing = new Uint8Array();

export interface ProcessInstanceOptions {
  /** The bundled instance-process.ts. */
  readonly program: string;
  /** Kills what is left when this process dies: a frozen child does not notice by itself. */
  readonly guard: OrphanGuard;
  /** False leaves instances awake between requests. */
  readonly freezes: boolean;
}

/** Instances as processes of their own: they are killed, frozen and thawed as the platform does it. */
export function processInstances(options: ProcessInstanceOptions): InstanceKind {
  return (instance) => new ProcessInstance(options, instance);
}

interface Waiting {
  readonly number: number;
  readonly startedAtMs: number;
  readonly resolve: (outcome: Outcome) => void;
}

class ProcessInstance implements LiveInstance {
  readonly #options: ProcessInstanceOptions;
  readonly #instance: InstanceOptions;
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  #waiting: Waiting | null = null;
  #number = 0;
  #memoryMb = 0;
  #isGone = false;

  constructor(options: ProcessInstanceOptions, instance: InstanceOptions) {
    this.#options = options;
    this.#instance = instance;
    const { spec, env, log } = instance;
    this.#child = fork(options.program, [spec.file, spec.handler], {
      env: { ...machineEnvironment(), ...env },
      execArgv: [`--max-old-space-size=${spec.memoryMb}`],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    if (this.#child.pid !== undefined) options.guard.watch(this.#child.pid);
    for (const stream of [this.#child.stdout, this.#child.stderr]) if (stream) readLines(stream, log);
    this.#child.on('message', (message: FromInstance) => this.#replied(message));
    this.#child.on('error', (error) => log(`the instance cannot be started or reached: ${error.message}`));
    this.#gone = new Promise((resolve) => {
      // 'close' comes after 'exit' and after the last line of output; 'error' without either when it cannot be spawned.
      this.#child.once('close', () => resolve());
      if (this.#child.pid === undefined) this.#child.once('error', () => resolve());
    });
    void this.#gone.then(() => this.#end());
  }

  async start(context: ContextData): Promise<Outcome | null> {
    const tooSlow = setTimeout(() => this.#child.kill('SIGKILL'), startMsMax);
    const outcome = await this.#ask('start', nothing, context);
    clearTimeout(tooSlow);
    if (outcome.kind === 'ok') return null;
    // An instance whose code does not load or initialize takes no request; the next request gets a new one.
    this.#child.kill('SIGKILL');
    return { ...outcome, isGone: true };
  }

  run(event: Uint8Array, context: ContextData): Promise<Outcome> {
    return this.#ask('run', event, context);
  }

  freeze(): void {
    if (this.#options.freezes) this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    if (this.#options.freezes) this.#child.kill('SIGCONT');
  }

  kill(outcome: Outcome | null): void {
    this.#child.kill('SIGKILL');
    if (outcome) this.#settle(outcome);
  }

  async stop(context: ContextData, graceMs: number): Promise<void> {
    this.thaw();
    const over = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    const outcome = await this.#ask('stop', nothing, context);
    if (outcome.kind === 'failed') this.#instance.log(`preStop: ${outcome.error.errorMessage}`);
    clearTimeout(over);
    this.#child.kill('SIGKILL');
    await this.#gone;
  }

  #ask(kind: ToInstance['kind'], event: Uint8Array, context: ContextData): Promise<Outcome> {
    this.#number += 1;
    const number = this.#number;
    const startedAtMs = Date.now();
    if (this.#isGone) return Promise.resolve(exitedUnexpectedly(0, this.#memoryMb));
    return new Promise((resolve) => {
      this.#waiting = { number, startedAtMs, resolve };
      const message = { kind, number, event, context } satisfies ToInstance;
      // A process that died in between is answered by its 'close'; the failed write says nothing more.
      this.#child.send(message, (error) => error && this.#instance.log(`not delivered: ${error.message}`));
    });
  }

  #replied(message: FromInstance): void {
    this.#memoryMb = message.memoryMb;
    if (this.#waiting?.number !== message.number) return;
    if (message.kind === 'done') this.#settle({ kind: 'ok', body: message.body });
    else this.#settle({ kind: 'failed', errorType: 'UnhandledInvocationError', error: message.error, isGone: false });
  }

  #settle(outcome: Outcome): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(outcome);
  }

  #end(): void {
    this.#isGone = true;
    if (this.#child.pid !== undefined) this.#options.guard.forget(this.#child.pid);
    const outcome = exitedUnexpectedly(this.#waiting ? Date.now() - this.#waiting.startedAtMs : 0, this.#memoryMb);
    if (this.#waiting) this.#settle(outcome);
    else this.#instance.onGone(outcome);
  }
}

/** What a process needs of the machine; nothing else of our own environment reaches a function. */
function machineEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, TMPDIR, TZ: 'UTC' };
}

function readLines(stream: Readable, log: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', log);
}
