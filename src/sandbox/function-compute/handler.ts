import { createRequire } from 'node:module';
import type { FunctionError } from './invocation.ts';

/** The context of one invocation, as plain data; the instance adds the logger. Contents: reference A4. */
export interface ContextData {
  readonly requestId: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly accessKeySecret: string;
    readonly securityToken: string;
  };
  readonly function: {
    readonly name: string;
    readonly handler: string;
    readonly memory: number;
    readonly timeout: number;
  };
  readonly service: {
    readonly name: string;
    readonly logProject: string;
    readonly logStore: string;
    readonly qualifier: string;
    readonly versionId: string;
  };
  readonly region: string;
  readonly accountId: string;
  readonly tracing: {
    readonly spanContext: string;
    readonly jaegerEndpoint: string;
    readonly spanBaggages: Readonly<Record<string, string>>;
  };
}

type Entry = (...given: readonly unknown[]) => unknown;

/** The exports of a function file that the platform calls. */
export interface Handler {
  readonly handle: Entry;
  readonly initialize: Entry | null;
  readonly preStop: Entry | null;
}

/**
 * Loads a handler file the way the runtime does, with require.
 *
 * @param handler `<file>.<export>`; the export is taken from `file`
 * @throws Error when the file cannot be loaded or exports no such function
 */
export function loadHandler(file: string, handler: string): Handler {
  const name = handler.slice(handler.lastIndexOf('.') + 1);
  const exported: unknown = createRequire(file)(file);
  const entries =
    typeof exported === 'object' && exported !== null ? (exported as Readonly<Record<string, unknown>>) : {};
  const entry = (key: string): Entry | null => {
    const value = entries[key];
    return typeof value === 'function' ? (value as Entry) : null;
  };
  const handle = entry(name);
  if (handle === null) throw new Error(`Handler '${name}' is missing or not a function in ${file}`);
  return { handle, initialize: entry('initialize'), preStop: entry('preStop') };
}

/** The context object a handler sees: the data, and a logger that prints as the platform's does. */
export function contextObject(data: ContextData, write: (line: string) => void): Readonly<Record<string, unknown>> {
  const print =
    (level: string) =>
    (...parts: readonly unknown[]) => {
      write(`${new Date().toISOString()} ${data.requestId} [${level}] ${parts.map(asText).join(' ')}`);
    };
  const logger = {
    debug: print('verbose'),
    info: print('info'),
    warn: print('warn'),
    error: print('error'),
    log: print('info'),
  };
  return { ...data, tracing: { ...data.tracing, parseOpenTracingBaggages: () => data.tracing.spanBaggages }, logger };
}

/** The bytes of what a handler returned: a Buffer as it is, an object as JSON, anything else as text. */
export function resultBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'object' && value !== null) return Buffer.from(JSON.stringify(value));
  return Buffer.from(value === undefined || value === null ? '' : String(value));
}

/** The body of a function error for what a handler threw. */
export function functionError(thrown: unknown): FunctionError {
  if (!(thrown instanceof Error)) return { errorMessage: asText(thrown), errorType: 'Error', stackTrace: [] };
  const stackTrace = (thrown.stack ?? '')
    .split('\n')
    .slice(1, 21)
    .map((line) => line.trim());
  return { errorMessage: thrown.message, errorType: thrown.name, stackTrace };
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return value.stack ?? value.message;
  return JSON.stringify(value) ?? String(value);
}
