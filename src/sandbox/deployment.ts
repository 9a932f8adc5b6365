import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FunctionConfig } from './function-compute/function-spec.ts';

/** What `npm run build` made: the functions, and the programs that the sandbox starts. */
export interface Build {
  readonly functions: string;
  readonly gatewayProgram: string;
  readonly instanceProgram: string;
}

const levelsMax = 5;

/** The functions as template.yml deploys them; the schedule's timer is off there and so here. */
const deployed: Readonly<Record<string, Omit<FunctionConfig, 'file'>>> = {
  api: { timeoutS: 30, memoryMb: 512, trigger: { http: {} } },
  tick: {
    timeoutS: 70,
    memoryMb: 512,
    trigger: { timer: '@every 1m', name: 'every-minute' },
    async: { task: true, maxRetries: 0, maxEventAgeS: 60 },
  },
  step: { timeoutS: 120, memoryMb: 512, async: { task: true, maxRetries: 2, maxEventAgeS: 4200 } },
  schedule: { timeoutS: 60, memoryMb: 512, async: { maxRetries: 3, maxEventAgeS: 900 } },
  watchdog: {
    timeoutS: 60,
    memoryMb: 512,
    trigger: { timer: '@every 1m', name: 'watchdog' },
    async: { maxRetries: 0, maxEventAgeS: 60 },
  },
};

/**
 * Finds the build from the sources or from the bundle; functions of another folder are taken from there.
 *
 * @throws Error where there is none
 */
export function findBuild(functionsFolder?: string): Build {
  let at = dirname(fileURLToPath(import.meta.url));
  for (let level = 0; level < levelsMax; level += 1) {
    const dist = join(at, 'dist');
    const build = {
      functions: functionsFolder ?? join(dist, 'functions'),
      gatewayProgram: join(dist, 'sandbox', 'gateway.js'),
      instanceProgram: join(dist, 'sandbox', 'instance.js'),
    };
    if (existsSync(build.gatewayProgram) && existsSync(build.instanceProgram)) return build;
    at = dirname(at);
  }
  throw new Error('the programs of the sandbox are not built: run "npm run build" first');
}

/** The functions that were built, as they are deployed. */
export function builtFunctions(build: Build): Readonly<Record<string, FunctionConfig>> {
  const built = Object.entries(deployed).map(([name, config]): [string, FunctionConfig] => [
    name,
    { ...config, file: join(build.functions, `${name}.js`) },
  ]);
  return Object.fromEntries(built.filter(([, { file }]) => existsSync(file)));
}
