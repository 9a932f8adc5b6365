import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { parse } from 'yaml';
import type { MigrationView } from '../../domain/view.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { apiClient } from '../client.ts';
import { packageFile } from '../package-file.ts';
import { type DemoFault, type FaultPlan, faultPlan } from './fault.ts';
import { type PatientApi, patientApi } from './patience.ts';
import { type Counters, requestsFailed, requestsServed, type Snapshot } from './snapshot.ts';
import { isAllOnTarget, isSameWeights, type Truth, truthReader } from './truth.ts';

const lookEveryMs = 100;
/** Wall time; the demo takes a minute, so three are a failure and not a slow machine. */
const atMostMs = 180_000;
const bake = '2m';

export interface DemoReport {
  /** The load balancer's own backend weights are what this scenario has to end with. */
  readonly isAsExpected: boolean;
  readonly expected: FaultPlan['endState'];
  readonly state: string;
  readonly reason: string | null;
  readonly seconds: number;
  readonly speed: number;
  /** Wall seconds from the first failed request (or, where none failed, from the fault) to the verified baseline. */
  readonly recovery: { readonly seconds: number; readonly from: string; readonly failed: number } | null;
  readonly requests: { readonly served: number; readonly failed: number; readonly lost: number };
  readonly truth: Truth;
}

export interface DemoWatcher {
  see(snapshot: Snapshot): void;
  tell(line: string): void;
}

/** Runs the example migration on a sandbox that is up, with one fault, and reads the end off the load balancer. */
export async function runDemo(sandbox: Sandbox, fault: DemoFault, watcher: DemoWatcher): Promise<DemoReport> {
  const { url, token } = sandbox.description.functions;
  const api = patientApi(apiClient({ server: url ?? '', token }));
  const readTruth = truthReader(sandbox.description);
  const before = await readTruth();
  const plan = faultPlan(fault, sandbox, (path) => api.send(path, {}));
  const began = Date.now();
  const migration = await exampleMigration();
  await api.send('/v1/migrations', migration);
  const run = new DemoRun(sandbox, api, migration.metadata.name, plan, watcher, began);
  const view = await run.toTheEnd();
  const truth = await readTruth();
  const isTrue = plan.endState === 'completed' ? isAllOnTarget(truth) : isSameWeights(before, truth);
  const counters = sandbox.controls.counters() as Counters;
  const lost = counters.lost.sinceStart;
  return {
    isAsExpected: isTrue && view.state === plan.endState && (fault !== 'crash' || lost === 0),
    expected: plan.endState,
    state: view.state,
    reason: view.reason,
    seconds: (Date.now() - began) / 1000,
    speed: sandbox.clock.speed,
    recovery: plan.endState === 'rolledBack' ? await run.recovery() : null,
    requests: { served: requestsServed(counters), failed: requestsFailed(counters), lost },
    truth,
  };
}

interface ExampleFile {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly steps: readonly object[] };
}

/** The product's own example; only its bakes are shorter, so that the demo is over in a minute. */
async function exampleMigration(): Promise<ExampleFile> {
  const file = parse(await readFile(packageFile('examples/shop-ingress.yaml'), 'utf8')) as ExampleFile;
  const steps = file.spec.steps.map((step) => ({ ...step, bake }));
  return { ...file, spec: { ...file.spec, steps } };
}

interface HistoryLine {
  readonly at: string;
  readonly kind: string;
  readonly text: string;
}

class DemoRun {
  readonly #sandbox: Sandbox;
  readonly #api: PatientApi;
  readonly #name: string;
  readonly #plan: FaultPlan;
  readonly #watcher: DemoWatcher;
  readonly #beganMs: number;
  readonly #story: string[] = [];
  #linesTold = 0;
  #struckAtMs: number | null = null;
  #firstErrorAtMs: number | null = null;
  #failedBefore = 0;

  constructor(sandbox: Sandbox, api: PatientApi, name: string, plan: FaultPlan, watcher: DemoWatcher, beganMs: number) {
    this.#sandbox = sandbox;
    this.#api = api;
    this.#name = name;
    this.#plan = plan;
    this.#watcher = watcher;
    this.#beganMs = beganMs;
  }

  async toTheEnd(): Promise<MigrationView> {
    while (Date.now() - this.#beganMs < atMostMs) {
      const view = await this.#api.get<MigrationView>(`/v1/migrations/${this.#name}`);
      await this.#tellHistory();
      await this.#strike(view);
      this.#watcher.see({
        seconds: (Date.now() - this.#beganMs) / 1000,
        view,
        counters: this.#counters(),
        story: this.#story,
      });
      if (view.isFinal || view.state === 'completed') return view;
      await this.#waitAndCount();
    }
    throw new Error(`the migration did not come to an end within ${atMostMs / 1000} s`);
  }

  /** When the baseline was verified, less when the harm began. */
  async recovery(): Promise<DemoReport['recovery']> {
    const fromMs = this.#firstErrorAtMs ?? this.#struckAtMs;
    const back = (await this.#history()).find(({ kind }) => kind === 'rolledback');
    if (fromMs === null || back === undefined) return null;
    const { anchorMs, speed } = this.#sandbox.clock;
    const backAtMs = anchorMs + (Date.parse(back.at) - anchorMs) / speed;
    return {
      seconds: (backAtMs - fromMs) / 1000,
      from: this.#firstErrorAtMs === null ? 'the fault' : 'the first failed request',
      failed: requestsFailed(this.#counters()) - this.#failedBefore,
    };
  }

  #counters(): Counters {
    return this.#sandbox.controls.counters() as Counters;
  }

  async #strike(view: MigrationView): Promise<void> {
    const failedBefore = requestsFailed(this.#counters());
    const struckAtMs = Date.now();
    const told = await this.#plan.strike(view);
    if (told === null) return;
    this.#struckAtMs ??= struckAtMs;
    this.#failedBefore = failedBefore;
    this.#tell(`FAULT: ${told}`);
  }

  /** The gateways report ten times a second: looking more often than that finds the first error as soon as it is known. */
  async #waitAndCount(): Promise<void> {
    const untilMs = Date.now() + lookEveryMs;
    while (Date.now() < untilMs) {
      if (this.#struckAtMs !== null && this.#firstErrorAtMs === null) {
        if (requestsFailed(this.#counters()) > this.#failedBefore) this.#firstErrorAtMs = Date.now();
      }
      await wait(20);
    }
  }

  async #history(): Promise<readonly HistoryLine[]> {
    const { history } = await this.#api.get<{ readonly history: readonly HistoryLine[] }>(
      `/v1/migrations/${this.#name}/history`,
    );
    return history;
  }

  async #tellHistory(): Promise<void> {
    const lines = await this.#history();
    for (const { text } of lines.slice(this.#linesTold)) this.#tell(text);
    this.#linesTold = lines.length;
  }

  #tell(line: string): void {
    this.#story.push(line);
    this.#watcher.tell(line);
  }
}
