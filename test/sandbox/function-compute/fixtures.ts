import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import {
  type FunctionCompute,
  type FunctionComputeOptions,
  startFunctionCompute,
} from '../../../src/sandbox/function-compute/function-compute.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';

const account = {
  accountId: '123456',
  region: 'cn-hangzhou',
  credentials: { accessKeyId: 'LTAIsandbox', accessKeySecret: 'sandbox-secret' },
};

/** A folder with the bundled instance program and one CommonJS file a function. */
export interface Workbench {
  readonly folder: string;
  readonly program: string;
  file(name: string, source: string): Promise<string>;
  clean(): Promise<void>;
}

export async function openWorkbench(): Promise<Workbench> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-fc-'));
  const program = join(folder, 'instance.mjs');
  await build({
    entryPoints: ['src/sandbox/function-compute/instance-process.ts'],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  const functions = join(folder, 'functions');
  await mkdir(functions);
  await writeFile(join(functions, 'package.json'), '{ "type": "commonjs" }');
  return {
    folder,
    program,
    file: async (name, source) => {
      const path = join(functions, `${name}.js`);
      await writeFile(path, source);
      return path;
    },
    clean: () => rm(folder, { recursive: true, force: true }),
  };
}

export type Deployment = FunctionCompute & { readonly faults: Faults };

export async function deploy(
  workbench: Workbench,
  functions: FunctionComputeOptions['functions'],
  options: Partial<FunctionComputeOptions> & { readonly speed?: number } = {},
): Promise<Deployment> {
  const clock = sandboxClock(options.speed ?? 1);
  const random = seededRandom(7);
  const faults = new Faults(random, clock.now);
  const instances = { kind: 'process', program: workbench.program } as const;
  const started = await startFunctionCompute({ functions, account, clock, faults, random, instances, ...options });
  return { ...started, faults };
}

/** The parts of the untyped fc2 client that Sluice uses. */
export interface Fc2Client {
  version: string;
  post(
    path: string,
    body: string | Buffer,
    headers?: Readonly<Record<string, string>>,
    queries?: Readonly<Record<string, string>>,
    options?: { readonly rawBuf?: boolean },
  ): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly data: unknown }>;
}

export function fc2(endpoint: string, keys: { readonly id?: string; readonly secret?: string } = {}): Fc2Client {
  type Constructor = new (accountId: string, config: Readonly<Record<string, unknown>>) => Fc2Client;
  const Client = createRequire(import.meta.url)('@alicloud/fc2') as Constructor;
  const client = new Client(account.accountId, {
    accessKeyID: keys.id ?? account.credentials.accessKeyId,
    accessKeySecret: keys.secret ?? account.credentials.accessKeySecret,
    region: account.region,
    endpoint,
    timeout: 20_000,
  });
  client.version = '2023-03-30';
  return client;
}

/** Waits until `holds` gives a value other than null or false. */
export async function until<T>(
  holds: () => T | null | false | Promise<T | null | false>,
  withinMs = 10_000,
): Promise<T> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    const value = await holds();
    if (value !== null && value !== false) return value;
    if (Date.now() > endMs) throw new Error(`not within ${withinMs} ms: ${holds.toString().slice(0, 200)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
