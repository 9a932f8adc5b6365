import type { BackendMode } from '../domain/backend-weights.ts';
import { backendsMax } from './addresses.ts';

/** How a sandbox is started; every time is in sandbox time. */
export interface SandboxOptions {
  readonly sourceBackends: number;
  readonly targetBackends: number;
  readonly mode: BackendMode;
  readonly controller: '2.11' | '2.14';
  readonly controllerLatencyMs: number;
  readonly meshLatencyMs: number;
  /** Requests a second that the clients send, in wall time. */
  readonly ratePerSecond: number;
  readonly speed: number;
  readonly seed: number;
  /** Port of the control API; 0 takes a free one. */
  readonly port: number;
  /** ACK clusters beside the one with the traffic. */
  readonly clusters: number;
  /** With `lb-internal`, a second load balancer of both gateways; the clients send half of their requests through it. */
  readonly internal: boolean;
  /** Kubeconfig files of real API servers to use in place of the sandbox's own. */
  readonly ackKubeconfig: string | null;
  readonly asmKubeconfig: string | null;
}

/** Backends of both sides and all clusters together: the load balancer's quota counts each in both of its groups. */
export const allBackendsMax = backendsMax / 2;
export const quota = `at most ${allBackendsMax} in all, as a load balancer takes ${backendsMax} over its two groups`;

/** The options as they stand on the command line, by the names that commander gives them. */
export type RawOptions = Readonly<Record<string, string | boolean | undefined>>;

/** One option of the command line: how it is written, what it means, what it is when absent. */
export interface OptionText {
  readonly flags: string;
  readonly meaning: string;
  readonly preset?: string;
}

export const sandboxOptionTexts: readonly OptionText[] = [
  { flags: '--source-backends <n>', meaning: 'backends of the source gateway', preset: '3' },
  { flags: '--target-backends <n>', meaning: 'backends of the target gateway', preset: '3' },
  { flags: '--mode <mode>', meaning: 'how Services get backends: eni, cluster or local', preset: 'eni' },
  { flags: '--controller <version>', meaning: 'behaviour of the cloud controller: 2.11 or 2.14', preset: '2.14' },
  { flags: '--controller-latency <duration>', meaning: 'how long the cloud controller takes', preset: '1s' },
  { flags: '--mesh-latency <duration>', meaning: 'how long the ASM controller takes', preset: '1s' },
  { flags: '--rate <n>', meaning: 'requests a second that the clients send', preset: '200' },
  { flags: '--speed <n>', meaning: 'how many times faster every clock runs', preset: '1' },
  { flags: '--seed <n>', meaning: 'seed of everything that is left to chance', preset: '1' },
  { flags: '--port <n>', meaning: 'port of the control API, 0 for a free one', preset: '0' },
  { flags: '--clusters <n>', meaning: 'ACK clusters to add', preset: '0' },
  {
    flags: '--internal',
    meaning: 'add lb-internal, a second load balancer of both gateways; the clients send half of the rate through it',
  },
  { flags: '--ack-kubeconfig <file>', meaning: 'use this API server for ACK instead of an own one' },
  { flags: '--asm-kubeconfig <file>', meaning: 'use this API server for ASM instead of an own one' },
];

export const defaultSandboxOptions: SandboxOptions = {
  sourceBackends: 3,
  targetBackends: 3,
  mode: 'eni',
  controller: '2.14',
  controllerLatencyMs: 1000,
  meshLatencyMs: 1000,
  ratePerSecond: 200,
  speed: 1,
  seed: 1,
  port: 0,
  clusters: 0,
  internal: false,
  ackKubeconfig: null,
  asmKubeconfig: null,
};

/** Reads the options; with mistakes, all of them and no options. */
export function readSandboxOptions(
  raw: RawOptions,
): { readonly options: SandboxOptions } | { readonly mistakes: readonly string[] } {
  const mistakes: string[] = [];
  const reader = readerOf(raw, mistakes);
  const preset = defaultSandboxOptions;
  const options: SandboxOptions = {
    sourceBackends: reader.whole('sourceBackends', preset.sourceBackends, 1, allBackendsMax),
    targetBackends: reader.whole('targetBackends', preset.targetBackends, 1, allBackendsMax),
    mode: reader.oneOf('mode', preset.mode, ['eni', 'cluster', 'local']),
    controller: reader.oneOf('controller', preset.controller, ['2.11', '2.14']),
    controllerLatencyMs: reader.duration('controllerLatency', preset.controllerLatencyMs),
    meshLatencyMs: reader.duration('meshLatency', preset.meshLatencyMs),
    ratePerSecond: reader.number('rate', preset.ratePerSecond, 0, 2000),
    speed: reader.number('speed', preset.speed, 0.1, 1000),
    seed: reader.whole('seed', preset.seed, 0, 4_294_967_295),
    port: reader.whole('port', preset.port, 0, 65_535),
    clusters: reader.whole('clusters', preset.clusters, 0, 10),
    internal: raw['internal'] === true,
    ackKubeconfig: textOf(raw, 'ackKubeconfig') ?? null,
    asmKubeconfig: textOf(raw, 'asmKubeconfig') ?? null,
  };
  const { sourceBackends, targetBackends } = options;
  if (options.mode === 'cluster' && sourceBackends !== targetBackends) {
    mistakes.push(
      `--source-backends ${sourceBackends} and --target-backends ${targetBackends}: in cluster mode both sides share the nodes, so they must be equal`,
    );
  }
  if (allBackends(options) > allBackendsMax)
    mistakes.push(`--source-backends, --target-backends, --clusters: ${quota}`);
  return mistakes.length > 0 ? { mistakes } : { options };
}

/** The backends at the load balancer: an added cluster has target backends of its own. */
export function allBackends({ sourceBackends, targetBackends, clusters }: Counted): number {
  return sourceBackends + targetBackends * (1 + clusters);
}

type Counted = Pick<SandboxOptions, 'sourceBackends' | 'targetBackends' | 'clusters'>;

function textOf(raw: RawOptions, key: string): string | undefined {
  const value = raw[key];
  return typeof value === 'string' ? value : undefined;
}

function readerOf(raw: RawOptions, mistakes: string[]) {
  const read = <T>(key: string, preset: T, parse: (text: string) => T | null, wanted: string): T => {
    const text = textOf(raw, key);
    if (text === undefined) return preset;
    const value = parse(text);
    if (value === null) mistakes.push(`${flagOf(key)} "${text.slice(0, 100)}": ${wanted}`);
    return value ?? preset;
  };
  const number = (key: string, preset: number, from: number, to: number, isWhole = false): number =>
    read(
      key,
      preset,
      (text) => {
        const value = /^\d{1,10}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
        return value >= from && value <= to && (!isWhole || Number.isInteger(value)) ? value : null;
      },
      `a ${isWhole ? 'whole ' : ''}number from ${from} to ${to}`,
    );
  return {
    number,
    whole: (key: string, preset: number, from: number, to: number) => number(key, preset, from, to, true),
    oneOf: <T extends string>(key: string, preset: T, words: readonly T[]): T =>
      read(key, preset, (text) => words.find((word) => word === text) ?? null, `one of ${words.join(', ')}`),
    duration: (key: string, preset: number) =>
      read(key, preset, durationMs, 'a duration such as 500ms, 2s or 1m, at most 10m'),
  };
}

function durationMs(text: string): number | null {
  const [, amount, unit] = /^(\d{1,6})(ms|s|m)$/.exec(text) ?? [];
  const value = Number(amount) * ({ ms: 1, s: 1000, m: 60_000 }[unit ?? ''] ?? Number.NaN);
  return value <= 600_000 ? value : null;
}

function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
