import { randomUUID } from 'node:crypto';
import type { SandboxClock } from '../clock.ts';
import type { Faults } from '../faults.ts';
import type { Random } from '../random.ts';
import type { FunctionSpec } from './function-spec.ts';
import { type InstanceKind, type LiveInstance, timedOut } from './instance.ts';
import { type Account, contextData, instanceEnvironment } from './instance-context.ts';
import type { Decision, Injection, Invocation, Outcome, Refusal } from './invocation.ts';
import { LogRing } from './log-ring.ts';
import { FunctionComputeModel, type FunctionState } from './model.ts';

export interface HostOptions {
  readonly functions: readonly FunctionSpec[];
  readonly account: Account;
  readonly clock: SandboxClock;
  readonly faults: Faults;
  readonly random: Random;
  readonly instances: InstanceKind;
  readonly instancesOfFunctionMax?: number;
  /** How long an unused instance is kept, in sandbox time. */
  readonly idleMs?: number;
  /** Told of every run that failed and every event that is given up, in words without payloads. */
  readonly onTrouble?: (line: string) => void;
}

const timerMsMax = 2 ** 31 - 1;
const preStopMs = 2000;
const closed: Refusal = { status: 503, code: 'ServiceUnavailable', message: 'the service is closing' };

/** Carries out what the model decides: in instances, on the sandbox's clock, with the faults in force. */
export class FunctionHost {
  readonly #options: HostOptions;
  readonly #model: FunctionComputeModel;
  readonly #live = new Map<string, { instance: LiveInstance; spec: FunctionSpec; isRunning: boolean }>();
  readonly #callers = new Map<string, (outcome: Outcome) => void>();
  readonly #logs = new Map<string, LogRing>();
  readonly #usualRunMs = new Map<string, number>();
  readonly #work = new Set<Promise<void>>();
  readonly #kills = new Set<NodeJS.Timeout>();
  readonly #unlisten: () => void;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#model = new FunctionComputeModel(options.functions, options.clock.now(), {
      newId: randomUUID,
      ...(options.instancesOfFunctionMax === undefined
        ? {}
        : { instancesOfFunctionMax: options.instancesOfFunctionMax }),
      ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
    });
    for (const { name } of options.functions) this.#logs.set(name, new LogRing());
    this.#unlisten = options.faults.onChange(() => this.#killByFault());
    this.#arm();
  }

  /** What the service answers instead, when a fault has it that this request is not even looked at. */
  refusal(): Refusal | null {
    const fault = this.#options.faults.strike('functions', ['error']);
    return fault ? refusalByFault(fault.status ?? 500) : null;
  }

  /** Runs a function and waits for the end of the run. Never rejects. */
  async invokeSync(
    functionName: string,
    event: Uint8Array,
  ): Promise<{ readonly requestId: string; readonly outcome: Outcome } | Refusal> {
    const fault = this.#options.faults.strike('functions', ['delay', 'stall']);
    if (fault) await this.#options.clock.sleep(fault.forMs ?? 1000, this.#stopping.signal);
    if (this.#stopping.signal.aborted) return closed;
    const accepted = this.#model.invokeSync(functionName, event, this.#options.clock.now());
    if ('status' in accepted) return accepted;
    const { requestId, decisions } = accepted;
    const outcome = new Promise<Outcome>((resolve) => this.#callers.set(requestId, resolve));
    this.#carryOut(decisions);
    return { requestId, outcome: await outcome };
  }

  /** Takes an event that runs later. */
  invokeAsync(
    functionName: string,
    event: Uint8Array,
    given: { readonly delayS?: number; readonly taskId?: string },
  ): { readonly requestId: string } | Refusal {
    if (this.#stopping.signal.aborted) return closed;
    const options = { ...given, injection: this.#injection() };
    const accepted = this.#model.invokeAsync(functionName, event, options, this.#options.clock.now());
    if ('status' in accepted) return accepted;
    this.#carryOut(accepted.decisions);
    return { requestId: accepted.requestId };
  }

  has(functionName: string): boolean {
    return this.#model.spec(functionName) !== null;
  }

  states(): readonly FunctionState[] {
    return this.#model.states();
  }

  /** The last lines that the instances of a function printed. */
  logs(functionName: string): readonly string[] {
    return this.#logs.get(functionName)?.lines() ?? [];
  }

  /** Kills what runs, lets the idle instances end in peace, and waits for both. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unlisten();
    if (this.#timer) clearTimeout(this.#timer);
    for (const kill of this.#kills) clearTimeout(kill);
    const ends: Promise<void>[] = [];
    for (const [instanceId, live] of this.#live) {
      if (live.isRunning) live.instance.kill(null);
      else ends.push(this.#stopInstance(instanceId, live));
    }
    await Promise.all(ends);
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #carryOut(decisions: readonly Decision[]): void {
    for (const decision of decisions) this.#act(decision);
    this.#arm();
  }

  #act(decision: Decision): void {
    switch (decision.kind) {
      case 'run':
        this.#begin(this.#run(decision.instanceId, decision.invocation));
        return;
      case 'timeout': {
        const { spec, instance } = this.#live.get(decision.instanceId) ?? {};
        if (spec && instance) instance.kill(timedOut(spec.timeoutS));
        return;
      }
      case 'freeze':
        this.#live.get(decision.instanceId)?.instance.freeze();
        return;
      case 'destroy': {
        const live = this.#live.get(decision.instanceId);
        if (live) this.#begin(this.#stopInstance(decision.instanceId, live));
        return;
      }
      case 'answer':
        this.#callers.get(decision.invocation.requestId)?.(decision.outcome);
        this.#callers.delete(decision.invocation.requestId);
        return;
      case 'discard':
        this.#trouble(decision.invocation, decision.why);
        return;
      default:
        decision satisfies never;
    }
  }

  async #run(instanceId: string, invocation: Invocation): Promise<void> {
    const spec = this.#model.spec(invocation.functionName);
    if (spec === null) return;
    const context = contextData(this.#options.account, spec, invocation.requestId);
    const known = this.#live.get(instanceId);
    const instance = known?.instance ?? this.#startInstance(instanceId, spec);
    const live = { instance, spec, isRunning: true };
    this.#live.set(instanceId, live);
    if (known) instance.thaw();
    const broken = known ? null : await instance.start(context);
    let outcome = broken;
    if (outcome === null) {
      this.#model.began(instanceId, this.#options.clock.now());
      this.#arm();
      const startedAtMs = Date.now();
      const kill = this.#killInTheMiddle(instance, spec.name);
      outcome = await instance.run(invocation.event, context);
      if (kill) clearTimeout(kill);
      if (outcome.kind === 'ok') this.#usualRunMs.set(spec.name, Date.now() - startedAtMs);
    }
    live.isRunning = false;
    if (outcome.kind === 'failed') {
      this.#trouble(invocation, `run ${invocation.attempt}: ${outcome.error.errorMessage}`);
      if (outcome.isGone) this.#live.delete(instanceId);
    }
    this.#ended(instanceId, invocation, outcome);
  }

  #ended(instanceId: string, invocation: Invocation, outcome: Outcome): void {
    if (!this.#stopping.signal.aborted) {
      this.#carryOut(this.#model.finished(instanceId, outcome, this.#options.clock.now()));
      return;
    }
    // The end of the host is the end of every instance; only waiting callers are still answered.
    this.#act({ kind: 'answer', invocation, outcome });
    const live = this.#live.get(instanceId);
    if (live) this.#begin(this.#stopInstance(instanceId, live));
  }

  #startInstance(instanceId: string, spec: FunctionSpec): LiveInstance {
    const ring = this.#logs.get(spec.name);
    return this.#options.instances({
      spec,
      instanceId,
      env: instanceEnvironment(this.#options.account, spec, instanceId),
      log: (line) => ring?.add(line),
      onGone: (outcome) => {
        this.#live.delete(instanceId);
        if (!this.#stopping.signal.aborted)
          this.#carryOut(this.#model.finished(instanceId, outcome, this.#options.clock.now()));
      },
    });
  }

  async #stopInstance(instanceId: string, live: { instance: LiveInstance; spec: FunctionSpec }): Promise<void> {
    this.#live.delete(instanceId);
    await live.instance.stop(contextData(this.#options.account, live.spec, randomUUID()), preStopMs);
  }

  #begin(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  #arm(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const dueMs = this.#stopping.signal.aborted ? null : this.#model.nextDueMs();
    if (dueMs === null) return;
    const { clock } = this.#options;
    const waitMs = Math.ceil(Math.max(0, dueMs - clock.now()) / clock.speed);
    this.#timer = setTimeout(
      () => this.#carryOut(this.#model.advance(clock.now(), () => this.#injection())),
      Math.min(waitMs, timerMsMax),
    );
  }

  #injection(): Injection {
    const { faults } = this.#options;
    const late = faults.strike('functions', ['delay', 'stall']);
    const isLost = faults.strike('functions', ['drop']) !== null;
    const isTwice = faults.strike('functions', ['duplicate']) !== null;
    return { times: isLost ? 0 : isTwice ? 2 : 1, lateMs: late ? (late.forMs ?? 1000) : 0 };
  }

  /** Whatever is there, frozen or not: an instance of before that wakes up would be one that nobody killed. */
  #killByFault(): void {
    const isTold = this.#options.faults.list().some(({ where, kind }) => where === 'functions' && kind === 'kill');
    if (!isTold) return;
    for (const { instance } of this.#live.values()) instance.kill(null);
  }

  #killInTheMiddle(instance: LiveInstance, functionName: string): NodeJS.Timeout | null {
    const { faults, random } = this.#options;
    if (faults.strike('functions', ['kill']) === null) return null;
    // Within the time that the last good run took: later would mostly be too late to be in the middle of anything.
    const afterMs = random.next() * (this.#usualRunMs.get(functionName) ?? 200);
    const kill = setTimeout(() => {
      this.#kills.delete(kill);
      instance.kill(null);
    }, afterMs);
    this.#kills.add(kill);
    return kill;
  }

  #trouble(invocation: Invocation, what: string): void {
    // What ends because the host ends is no trouble.
    if (this.#stopping.signal.aborted) return;
    this.#options.onTrouble?.(`${invocation.functionName} ${invocation.requestId}: ${what.slice(0, 500)}`);
  }
}

function refusalByFault(status: number): Refusal {
  if (status === 429) return { status, code: 'ResourceExhausted', message: 'your request is throttled' };
  if (status === 503) return { status, code: 'ResourceThrottled', message: 'the service is short of machines' };
  return { status, code: 'InternalServerError', message: 'an internal error has occurred. Please retry.' };
}
