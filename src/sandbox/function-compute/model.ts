import { AsyncQueue, retryDelayMs, throttleDelayMs } from './async-queue.ts';
import type { FunctionSpec } from './function-spec.ts';
import { InstancePool } from './instance-pool.ts';
import type { Decision, Injection, Invocation, Outcome, Refusal } from './invocation.ts';
import { nextFiring } from './timer-schedule.ts';

export interface ModelOptions {
  /** Gives request ids and instance ids. */
  readonly newId: () => string;
  readonly instancesOfFunctionMax?: number;
  /** How long a frozen instance is kept (4 minutes, the middle of "usually 3 to 5 minutes"). */
  readonly idleMs?: number;
}

export interface AsyncOptions {
  readonly delayS?: number;
  readonly taskId?: string;
  readonly injection?: Injection;
}

/** What a call was answered with, and what has to be done now. */
export type Accepted = { readonly requestId: string; readonly decisions: readonly Decision[] };

/** What the model shows of one function. */
export interface FunctionState {
  readonly name: string;
  readonly instances: number;
  readonly running: number;
  readonly queued: number;
}

const syncBytesMax = 32 * 1024 * 1024;
const asyncBytesMax = 128 * 1024;
const asIs: Injection = { times: 1, lateMs: 0 };

/**
 * Function Compute without its processes: which instance runs which request, what is frozen, destroyed, retried,
 * dropped and fired when. Pure: every method takes the time and returns decisions, so that the sandbox carries them out
 * in real processes and the simulator in virtual time.
 *
 * @source reference function-compute-and-chat.md A3, A5, A6, A7
 */
export class FunctionComputeModel {
  readonly #specs: ReadonlyMap<string, FunctionSpec>;
  readonly #newId: () => string;
  readonly #idleMs: number;
  readonly #pool: InstancePool;
  readonly #queue = new AsyncQueue();
  readonly #timers = new Map<string, { sinceMs: number; dueMs: number | null }>();

  constructor(specs: readonly FunctionSpec[], nowMs: number, options: ModelOptions) {
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#newId = options.newId;
    this.#idleMs = options.idleMs ?? 240_000;
    this.#pool = new InstancePool(options.instancesOfFunctionMax ?? 10);
    for (const { name, timer } of specs) {
      if (timer) this.#timers.set(name, { sinceMs: nowMs, dueMs: nextFiring(timer.schedule, nowMs, nowMs) });
    }
  }

  spec(functionName: string): FunctionSpec | null {
    return this.#specs.get(functionName) ?? null;
  }

  specs(): readonly FunctionSpec[] {
    return [...this.#specs.values()];
  }

  states(): readonly FunctionState[] {
    return this.specs().map(({ name }) => {
      const instances = this.#pool.of(name);
      const running = instances.filter(({ state }) => state.kind !== 'frozen').length;
      return { name, instances: instances.length, running, queued: this.#queue.sizeOf(name) };
    });
  }

  /** The caller waits: an instance now, or 429. */
  invokeSync(functionName: string, event: Uint8Array, nowMs: number): Accepted | Refusal {
    const refusal = this.#refusal(functionName, event, syncBytesMax);
    if (refusal) return refusal;
    const invocation = this.#invocation(functionName, event, 'sync', null, nowMs);
    const run = this.#place(invocation);
    return run
      ? { requestId: invocation.requestId, decisions: [run] }
      : { status: 429, code: 'ResourceExhausted', message: 'your request is throttled by the number of instances' };
  }

  /** The caller does not wait: the event is kept and runs at least once, after the delay. */
  invokeAsync(functionName: string, event: Uint8Array, options: AsyncOptions, nowMs: number): Accepted | Refusal {
    const refusal = this.#refusal(functionName, event, asyncBytesMax) ?? wrongDelay(options.delayS);
    if (refusal) return refusal;
    if (this.#queue.isFull) {
      return { status: 429, code: 'ResourceExhausted', message: 'too many asynchronous invocations are waiting' };
    }
    const isTask = this.spec(functionName)?.isTask === true;
    const taskId = isTask ? (options.taskId ?? null) : null;
    if (taskId !== null) {
      const taken = this.#queue.claimTaskId(functionName, taskId, nowMs);
      if (taken) return taken;
    }
    const invocation = this.#invocation(functionName, event, 'async', taskId, nowMs);
    const { times, lateMs } = options.injection ?? asIs;
    const dueMs = nowMs + (options.delayS ?? 0) * 1000 + lateMs;
    for (let time = 0; time < times; time += 1) this.#queue.add({ invocation, dueMs, throttled: 0 });
    return { requestId: invocation.requestId, decisions: this.#dispatch(nowMs) };
  }

  /** The handler of a placed request starts now: its time runs from here, not from the cold start. */
  began(instanceId: string, nowMs: number): void {
    const instance = this.#pool.get(instanceId);
    if (instance?.state.kind !== 'starting') return;
    const { invocation } = instance.state;
    const timeoutMs = (this.spec(instance.functionName)?.timeoutS ?? 0) * 1000;
    this.#pool.put(instanceId, instance.functionName, { kind: 'running', invocation, deadlineMs: nowMs + timeoutMs });
  }

  /** The run on this instance ended; a second end of the same run is ignored. */
  finished(instanceId: string, outcome: Outcome, nowMs: number): readonly Decision[] {
    const instance = this.#pool.get(instanceId);
    if (instance === null) return [];
    if (instance.state.kind === 'frozen') {
      // A frozen instance whose process died is only forgotten: nobody waited for it.
      if (outcome.kind === 'failed' && outcome.isGone) this.#pool.remove(instanceId);
      return [];
    }
    const { invocation } = instance.state;
    const isGone = outcome.kind === 'failed' && outcome.isGone;
    if (isGone) this.#pool.remove(instanceId);
    else this.#pool.put(instanceId, instance.functionName, { kind: 'frozen', sinceMs: nowMs });
    const freeze: readonly Decision[] = isGone ? [] : [{ kind: 'freeze', instanceId }];
    const end = invocation.kind === 'sync' ? [answer(invocation, outcome)] : this.#settle(invocation, outcome, nowMs);
    return [...freeze, ...end, ...this.#dispatch(nowMs)];
  }

  /** All that is due by now: timers, waiting events, timeouts, instances nobody has used for long. */
  advance(nowMs: number, injectionOf: (functionName: string) => Injection = () => asIs): readonly Decision[] {
    return [...this.#fireTimers(nowMs, injectionOf), ...this.#expire(nowMs), ...this.#dispatch(nowMs)];
  }

  /** When `advance` has to be called next, or null when nothing waits. */
  nextDueMs(): number | null {
    const dues = [this.#queue.nextDueMs(), ...[...this.#timers.values()].map(({ dueMs }) => dueMs)];
    for (const { state } of this.#pool.list()) {
      if (state.kind === 'running') dues.push(state.deadlineMs);
      if (state.kind === 'frozen') dues.push(state.sinceMs + this.#idleMs);
    }
    return dues.reduce<number | null>(
      (least, due) => (due !== null && (least === null || due < least) ? due : least),
      null,
    );
  }

  #fireTimers(nowMs: number, injectionOf: (functionName: string) => Injection): readonly Decision[] {
    const decisions: Decision[] = [];
    for (const { name, timer } of this.specs()) {
      const state = this.#timers.get(name);
      if (!timer || !state || state.dueMs === null || state.dueMs > nowMs) continue;
      const triggerTime = new Date(state.dueMs).toISOString().replace(/\.\d+Z$/, 'Z');
      const event = Buffer.from(JSON.stringify({ triggerTime, triggerName: timer.name, payload: timer.payload }));
      const invocation = this.#invocation(name, event, 'async', null, nowMs);
      const { times, lateMs } = injectionOf(name);
      if (this.#queue.isFull) decisions.push({ kind: 'discard', invocation, why: 'too many events are waiting' });
      else
        for (let time = 0; time < times; time += 1)
          this.#queue.add({ invocation, dueMs: nowMs + lateMs, throttled: 0 });
      this.#timers.set(name, { sinceMs: state.dueMs, dueMs: nextFiring(timer.schedule, state.dueMs, nowMs) });
    }
    return decisions;
  }

  #expire(nowMs: number): readonly Decision[] {
    const decisions: Decision[] = [];
    for (const { id, functionName, state } of this.#pool.list()) {
      if (state.kind === 'running' && state.deadlineMs <= nowMs) {
        this.#pool.put(id, functionName, { kind: 'stopping', invocation: state.invocation });
        decisions.push({ kind: 'timeout', instanceId: id, invocation: state.invocation });
      } else if (state.kind === 'frozen' && state.sinceMs + this.#idleMs <= nowMs) {
        this.#pool.remove(id);
        decisions.push({ kind: 'destroy', instanceId: id });
      }
    }
    return decisions;
  }

  #dispatch(nowMs: number): readonly Decision[] {
    const decisions: Decision[] = [];
    for (const event of this.#queue.takeDue(nowMs)) {
      const { invocation, throttled } = event;
      const waitedMs = nowMs - invocation.acceptedAtMs;
      if (waitedMs > (this.spec(invocation.functionName)?.maxEventAgeS ?? 0) * 1000) {
        decisions.push({ kind: 'discard', invocation, why: 'the event is older than its maximum age' });
        continue;
      }
      const run = this.#place(invocation);
      if (run) {
        decisions.push(run);
        continue;
      }
      const delayMs = throttleDelayMs(throttled, waitedMs);
      if (delayMs === null) decisions.push({ kind: 'discard', invocation, why: 'no instance for five hours' });
      else this.#queue.add({ invocation, dueMs: nowMs + delayMs, throttled: throttled + 1 });
    }
    return decisions;
  }

  #settle(invocation: Invocation, outcome: Outcome, nowMs: number): readonly Decision[] {
    if (outcome.kind === 'ok') return [];
    if (invocation.attempt > (this.spec(invocation.functionName)?.maxRetries ?? 0)) {
      return [
        { kind: 'discard', invocation, why: `failed ${invocation.attempt} times: ${outcome.error.errorMessage}` },
      ];
    }
    const dueMs = nowMs + retryDelayMs(invocation.attempt);
    this.#queue.add({ invocation: { ...invocation, attempt: invocation.attempt + 1 }, dueMs, throttled: 0 });
    return [];
  }

  #place(invocation: Invocation): Decision | null {
    const { functionName } = invocation;
    const warm = this.#pool.warmest(functionName);
    if (warm === null && !this.#pool.hasRoom(functionName)) return null;
    const instanceId = warm?.id ?? this.#newId();
    this.#pool.put(instanceId, functionName, { kind: 'starting', invocation });
    return { kind: 'run', instanceId, isCold: warm === null, invocation };
  }

  #invocation(
    functionName: string,
    event: Uint8Array,
    kind: 'sync' | 'async',
    taskId: string | null,
    acceptedAtMs: number,
  ): Invocation {
    return { requestId: this.#newId(), functionName, event, kind, taskId, acceptedAtMs, attempt: 1 };
  }

  #refusal(functionName: string, event: Uint8Array, bytesMax: number): Refusal | null {
    if (!this.#specs.has(functionName)) {
      return { status: 404, code: 'FunctionNotFound', message: `function '${functionName}' does not exist` };
    }
    if (event.length > bytesMax) {
      return {
        status: 400,
        code: 'EntityTooLarge',
        message: `payload size exceeds maximum allowed size (${bytesMax} bytes)`,
      };
    }
    return null;
  }
}

function wrongDelay(delayS: number | undefined): Refusal | null {
  if (delayS === undefined || (delayS > 0 && delayS < 3600)) return null;
  return { status: 400, code: 'InvalidArgument', message: 'async delay must be a number of seconds in (0, 3600)' };
}

function answer(invocation: Invocation, outcome: Outcome): Decision {
  return { kind: 'answer', invocation, outcome };
}
