import type { SandboxClock } from '../clock.ts';
import type { Faults } from '../faults.ts';
import type { Random } from '../random.ts';
import { type FunctionConfig, functionSpecs } from './function-spec.ts';
import { FunctionHost } from './host.ts';
import type { Listening } from './http-io.ts';
import { startHttpTrigger } from './http-trigger.ts';
import { inlineInstances } from './inline-instance.ts';
import type { InstanceKind } from './instance.ts';
import type { Account } from './instance-context.ts';
import { startOpenApi } from './open-api.ts';
import { type OrphanGuard, startOrphanGuard } from './orphan-guard.ts';
import { processInstances } from './process-instance.ts';

/** Where handlers run: `inline` in this process, `process` each instance in one of its own (`program`: the bundle). */
export type InstanceChoice =
  | { readonly kind: 'inline' }
  | { readonly kind: 'process'; readonly program: string; readonly freezes?: boolean };

export interface FunctionComputeOptions {
  readonly functions: Readonly<Record<string, FunctionConfig>>;
  /** Environment of every function, beside its own; it may name the doors, which are open by then. */
  readonly environment?: (doors: Doors) => Readonly<Record<string, string>>;
  readonly account: Account;
  readonly clock: SandboxClock;
  readonly faults: Faults;
  readonly random: Random;
  readonly instances: InstanceChoice;
  /** Port of the invocation API and ports of URLs by function name; free ones where nothing is said. */
  readonly apiPort?: number;
  readonly ports?: Readonly<Record<string, number>>;
  readonly instancesOfFunctionMax?: number;
  readonly idleMs?: number;
  readonly onTrouble?: (line: string) => void;
}

/** A Function Compute that is up: its API, the URLs of its HTTP triggers, its timers. */
export interface FunctionCompute {
  /** The invocation API, `http://127.0.0.1:port`, for clients such as fc2. */
  readonly endpoint: string;
  /** URL by the name of each function with an HTTP trigger. */
  readonly urls: Readonly<Record<string, string>>;
  readonly host: FunctionHost;
  stop(): Promise<void>;
}

/** The addresses that functions may want to know of each other, known before any of them runs. */
export interface Doors {
  readonly endpoint: string;
  readonly urls: Readonly<Record<string, string>>;
}

/**
 * Starts Function Compute: first the doors, because the environment of the functions may name them, then the functions.
 *
 * @throws Error when the functions are wrong, naming every mistake
 */
export async function startFunctionCompute(options: FunctionComputeOptions): Promise<FunctionCompute> {
  const { account, instances } = options;
  const doors: Listening[] = [];
  const guard = instances.kind === 'process' ? startOrphanGuard() : null;
  let host: FunctionHost | null = null;
  const hostOf = (): FunctionHost => {
    if (host === null) throw new Error('the functions are still being created');
    return host;
  };
  const stop = async (): Promise<void> => {
    await host?.stop();
    await Promise.all(doors.map((door) => door.stop()));
    await guard?.stop();
  };
  try {
    const api = await startOpenApi(hostOf, account, options.apiPort ?? 0);
    doors.push(api);
    const urls: Record<string, string> = {};
    for (const [name, { trigger }] of Object.entries(options.functions)) {
      if (trigger === undefined || !('http' in trigger)) continue;
      const door = await startHttpTrigger(hostOf, account, name, options.ports?.[name] ?? 0);
      doors.push(door);
      urls[name] = door.url;
    }
    const functions = functionSpecs(withEnvironment(options, { endpoint: api.url, urls }));
    host = new FunctionHost({ ...options, functions, instances: instanceKind(instances, guard) });
    return { endpoint: api.url, urls, host, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function withEnvironment(options: FunctionComputeOptions, doors: Doors): Readonly<Record<string, FunctionConfig>> {
  const shared = options.environment?.(doors) ?? {};
  return Object.fromEntries(
    Object.entries(options.functions).map(([name, config]) => [name, { ...config, env: { ...shared, ...config.env } }]),
  );
}

function instanceKind(choice: InstanceChoice, guard: OrphanGuard | null): InstanceKind {
  if (choice.kind === 'inline' || guard === null) return inlineInstances;
  return processInstances({ program: choice.program, freezes: choice.freezes ?? true, guard });
}
