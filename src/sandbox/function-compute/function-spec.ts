import type { TimerSchedule } from './timer-schedule.ts';
import { parseTimerSchedule } from './timer-schedule.ts';

/** What wakes a function without being asked through the API: a URL, or the clock. */
export type TriggerConfig =
  | { readonly http: Readonly<Record<string, never>> }
  | { readonly timer: string; readonly name?: string; readonly payload?: string };

/** How failed asynchronous events are treated; the names follow the asynchronous configuration of the platform. */
export interface AsyncConfig {
  /** Retries after a function error, 0..8 (3 when absent). */
  readonly maxRetries?: number;
  /** Seconds after which an event that has not run is dropped, 1..2592000 (a day when absent). */
  readonly maxEventAgeS?: number;
  /** Task mode: a task id given by the caller is unique, a second one is refused with 409. */
  readonly task?: boolean;
}

/** One function as the deployment describes it. Times are in sandbox time. */
export interface FunctionConfig {
  /** Path of the CommonJS file that exports the handler. */
  readonly file: string;
  /** `<file>.<export>`; only the export is looked up (`api.handler` when absent). */
  readonly handler?: string;
  /** 1..86400, 60 when absent. */
  readonly timeoutS?: number;
  /** 128..32768, 512 when absent. */
  readonly memoryMb?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly trigger?: TriggerConfig;
  readonly async?: AsyncConfig;
}

export interface TimerTrigger {
  readonly name: string;
  readonly payload: string;
  readonly schedule: TimerSchedule;
}

/** A checked function, every default filled in. */
export interface FunctionSpec {
  readonly name: string;
  readonly file: string;
  readonly handler: string;
  readonly timeoutS: number;
  readonly memoryMb: number;
  readonly env: Readonly<Record<string, string>>;
  readonly isHttp: boolean;
  readonly timer: TimerTrigger | null;
  readonly maxRetries: number;
  readonly maxEventAgeS: number;
  readonly isTask: boolean;
}

const environmentBytesMax = 4096;
const secondsInDay = 86_400;

/**
 * Checks the functions as the platform's API would at creation.
 *
 * @throws Error naming every mistake at once, one a line
 * @source limits-of-usage, environment-variables, asynchronous-invocation (reference A5, A6)
 */
export function functionSpecs(configs: Readonly<Record<string, FunctionConfig>>): readonly FunctionSpec[] {
  const mistakes: string[] = [];
  const specs = Object.entries(configs).map(([name, config]) => functionSpec(name, config, mistakes));
  if (mistakes.length > 0) throw new Error(`the functions cannot be created:\n  ${mistakes.join('\n  ')}`);
  return specs;
}

function functionSpec(name: string, config: FunctionConfig, mistakes: string[]): FunctionSpec {
  const spec: FunctionSpec = {
    name,
    file: config.file,
    handler: config.handler ?? `${name}.handler`,
    timeoutS: config.timeoutS ?? 60,
    memoryMb: config.memoryMb ?? 512,
    env: config.env ?? {},
    isHttp: config.trigger !== undefined && 'http' in config.trigger,
    timer: timerTrigger(name, config.trigger, mistakes),
    maxRetries: config.async?.maxRetries ?? 3,
    maxEventAgeS: config.async?.maxEventAgeS ?? secondsInDay,
    isTask: config.async?.task ?? false,
  };
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name))
    mistakes.push(`${name}: not a function name (1 to 64 of A-Z a-z 0-9 _ -)`);
  if (!spec.handler.includes('.')) mistakes.push(`${name}: handler "${spec.handler}" is not <file>.<export>`);
  within(mistakes, `${name}: timeoutS`, spec.timeoutS, 1, secondsInDay);
  within(mistakes, `${name}: memoryMb`, spec.memoryMb, 128, 32_768);
  within(mistakes, `${name}: async.maxRetries`, spec.maxRetries, 0, 8);
  within(mistakes, `${name}: async.maxEventAgeS`, spec.maxEventAgeS, 1, 30 * secondsInDay);
  checkEnvironment(name, spec.env, mistakes);
  return spec;
}

function timerTrigger(name: string, trigger: TriggerConfig | undefined, mistakes: string[]): TimerTrigger | null {
  if (trigger === undefined || 'http' in trigger) return null;
  try {
    return {
      name: trigger.name ?? `${name}-timer`,
      payload: trigger.payload ?? '',
      schedule: parseTimerSchedule(trigger.timer),
    };
  } catch (error) {
    mistakes.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

function checkEnvironment(name: string, env: Readonly<Record<string, string>>, mistakes: string[]): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(env)) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(key))
      mistakes.push(`${name}: environment key "${key}" is not [A-Za-z][A-Za-z0-9_]*`);
    if (key.startsWith('FC_')) mistakes.push(`${name}: environment key "${key}": the prefix FC_ is reserved`);
  }
  if (bytes > environmentBytesMax) {
    mistakes.push(`${name}: environment of ${bytes} bytes exceeds the limit of ${environmentBytesMax}`);
  }
}

function within(mistakes: string[], what: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to)
    mistakes.push(`${what} ${value} is not a whole number ${from}..${to}`);
}
