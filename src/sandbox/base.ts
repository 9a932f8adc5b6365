import type { Credential } from './clb/authentication.ts';
import { type SandboxClock, sandboxClock } from './clock.ts';
import type { Closing } from './closing.ts';
import { Faults } from './faults.ts';
import { defaultSandboxOptions, type SandboxOptions } from './options.ts';
import { type Random, seededRandom } from './random.ts';
import { startRedisProxy } from './redis-proxy.ts';
import { type HeldRole, heldRoles, makeKeys, type Role } from './roles.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

export interface StartOptions {
  readonly options?: Partial<SandboxOptions>;
  readonly progress?: (line: string) => void;
  /** Aborted while it starts: what was started is ended, and the start rejects. */
  readonly signal?: AbortSignal;
  /** REDIS_URL is taken from here: with it the functions keep their records there. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Functions from here in place of the built ones, each a CommonJS file named like its function. */
  readonly functionsFolder?: string;
  /** Rights of functions by role, instead of all rights. */
  readonly roles?: Readonly<Record<string, Role>>;
  /** The account's own keys; read anew at every use, so that whoever gives them can let them expire and change. */
  readonly keys?: Credential;
}

/** What all parts of one sandbox share while they start. */
export interface Base {
  readonly options: SandboxOptions;
  readonly clock: SandboxClock;
  readonly faults: Faults;
  readonly closing: Closing;
  readonly workspace: Workspace;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  readonly redisUrl: string | null;
  readonly roles: readonly HeldRole[];
  readonly keys: Credential;
  /** A generator for one part, so that parts do not disturb each other's luck. */
  random(part: number): Random;
}

/** Opens the folder and the clock, and the way to Redis where there is one. @throws Error where REDIS_URL is of no use */
export async function makeBase(start: StartOptions, closing: Closing): Promise<Base> {
  const options = { ...defaultSandboxOptions, ...start.options };
  const clock = sandboxClock(options.speed);
  const random = (part: number): Random => seededRandom(options.seed * 1000 + part);
  const faults = new Faults(random(1), clock.now);
  const workspace = closing.add('the folder', await openWorkspace(), (one) => one.remove());
  const signal = start.signal ?? new AbortController().signal;
  const given = (start.environment ?? process.env)['REDIS_URL'] ?? '';
  let redisUrl: string | null = null;
  if (given !== '') {
    redisUrl = closing.add('the way to Redis', await startRedisProxy(given, clock, faults), (one) => one.stop()).url;
  }
  return {
    options,
    clock,
    faults,
    closing,
    workspace,
    signal,
    progress: start.progress ?? (() => undefined),
    redisUrl,
    roles: heldRoles(start.roles ?? {}),
    keys: start.keys ?? makeKeys(),
    random,
  };
}
