import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { parse } from 'yaml';
import type { Credential } from '../../src/sandbox/clb/authentication.ts';
import { kubeconfigText } from '../../src/sandbox/kubernetes/kubeconfig.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts';
import { type Detour, detourFile, endpointFile } from './detour-plan.ts';
import type { Upstream } from './front.ts';
import { httpWay, type Link, wire } from './link.ts';
import { trafficOf } from './traffic.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const names = ['api', 'tick', 'step', 'schedule', 'watchdog'] as const;

export const linkNames = ['redis', 'ack', 'asm', 'clb', 'functions', 'probes', 'chat'] as const;
export type LinkName = (typeof linkNames)[number];

/** A sandbox whose functions reach everything through gates, with a redis-server of its own. */
export interface Stage {
  readonly sandbox: Sandbox;
  readonly redis: RedisServer;
  readonly links: Readonly<Record<LinkName, Link>>;
  /** Folder of the functions themselves. */
  readonly functionsFolder: string;
  /** The kubeconfigs of the functions get new tokens; the old ones are no longer taken. */
  renewTokens(): Promise<void>;
  /** No token is taken any more, until they are renewed. */
  expireTokens(): void;
  /** From now on what goes wrong with probes concerns those of the target alone. */
  spareSourceProbes(): void;
  stop(): Promise<void>;
}

export interface StageOptions {
  readonly speed: number;
  /** Wall milliseconds by which the clocks of a function's instances are ahead. */
  readonly aheadMs?: Readonly<Record<string, number>>;
  /** Puts the functions there in place of the built ones. */
  readonly buildFunctions?: (folder: string) => Promise<void>;
  readonly keys?: Credential;
}

/** @throws Error where a part does not start; what was started is ended */
export async function openStage(options: StageOptions): Promise<Stage> {
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    return { ...(await compose(options, ends)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Ends = (() => Promise<unknown>)[];

async function compose(options: StageOptions, ends: Ends): Promise<Omit<Stage, 'stop'>> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-chaos-'));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  const redis = await startRedis();
  ends.push(() => redis.stop());
  let sandbox: Sandbox | null = null;
  const started = (): Sandbox => sandbox ?? missing('the sandbox has not started');
  let isSourceSpared = false;
  const links = await openLinks(folder, redis, started, () => isSourceSpared, ends);
  await writeFunctions(folder, links, options);
  sandbox = await startSandbox({
    options: { speed: options.speed, controllerLatencyMs: 500, meshLatencyMs: 500 },
    functionsFolder: folder,
    environment: { REDIS_URL: redis.url },
    ...(options.keys === undefined ? {} : { keys: options.keys }),
  });
  ends.push(() => started().stop());
  const tokens = new Tokens(folder, links, started());
  await tokens.renew();
  return {
    sandbox,
    redis,
    links,
    functionsFolder: join(folder, 'real'),
    renewTokens: () => tokens.renew(),
    expireTokens: () => tokens.expire(),
    spareSourceProbes: () => {
      isSourceSpared = true;
    },
  };
}

function missing(message: string): never {
  throw new Error(message);
}

async function openLinks(
  folder: string,
  redis: RedisServer,
  sandbox: () => Sandbox,
  sparesSource: () => boolean,
  ends: Ends,
): Promise<Stage['links']> {
  const opened = async (link: Promise<Link>): Promise<Link> => {
    const one = await link;
    ends.push(() => one.stop());
    return one;
  };
  const plain = (url: () => string) => httpWay(false, () => ({ url: url(), ca: null }));
  const kubernetes = async (name: 'ack' | 'asm') => {
    let upstream: Upstream | null = null;
    return httpWay(true, () => {
      upstream ??= readUpstream(sandbox(), name);
      return upstream;
    });
  };
  return {
    redis: await opened(wire({ upstream: () => ({ host: '127.0.0.1', port: redis.port }) })),
    ack: await opened(kubernetes('ack')),
    asm: await opened(kubernetes('asm')),
    clb: await opened(plain(() => `http://${sandbox().description.clb.endpoint}`)),
    functions: await opened(plain(() => endpointIn(folder))),
    probes: await opened(wire({ upstream: null, spares: ({ host }) => sparesSource() && isOfSource(sandbox(), host) })),
    chat: await opened(plain(() => sandbox().description.chat.url)),
  };
}

function isOfSource(sandbox: Sandbox, host: string): boolean {
  return trafficOf(sandbox).some(({ isOfTarget, serverIp }) => !isOfTarget && serverIp === host);
}

function readUpstream({ description }: Sandbox, name: 'ack' | 'asm'): Upstream {
  const { server, ca } = readKubeconfig(description[name].kubeconfig);
  return { url: server, ca };
}

function readKubeconfig(file: string): { readonly server: string; readonly ca: string; readonly token: string } {
  const { clusters, users } = parse(readFileSync(file, 'utf8'));
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  return { server, ca: Buffer.from(ca, 'base64').toString(), token: users[0].user.token };
}

/** The functions' own invocation API, which only their environment says: the first instance has written it down. */
function endpointIn(folder: string): string {
  return readFileSync(join(folder, endpointFile), 'utf8');
}

/** Each function behind the detour: what the sandbox loads is one line, which loads both. */
async function writeFunctions(folder: string, links: Stage['links'], options: StageOptions): Promise<void> {
  const real = join(folder, 'real');
  if (options.buildFunctions === undefined) await cp(join(root, 'dist/functions'), real, { recursive: true });
  else await options.buildFunctions(real);
  const port = (name: LinkName) => links[name].port;
  const detour: Detour = {
    ports: Object.fromEntries(linkNames.map((name) => [name, port(name)])) as Detour['ports'],
    kubeconfigs: { ack: join(folder, 'ack.kubeconfig'), asm: join(folder, 'asm.kubeconfig') },
    aheadMs: options.aheadMs ?? {},
  };
  await writeFile(join(folder, detourFile), JSON.stringify(detour));
  await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
  await build({
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'warning',
    entryPoints: ['test/chaos/detour.ts'],
    outdir: folder,
  });
  for (const name of names) {
    await writeFile(
      join(folder, `${name}.js`),
      `require('./detour.js');\nmodule.exports = require('./real/${name}.js');\n`,
    );
  }
}

/** The functions' tokens at the API servers: their doors know which of them is still good. */
class Tokens {
  readonly #folder: string;
  readonly #links: Stage['links'];
  readonly #sandbox: Sandbox;
  #count = 0;

  constructor(folder: string, links: Stage['links'], sandbox: Sandbox) {
    this.#folder = folder;
    this.#links = links;
    this.#sandbox = sandbox;
  }

  expire(): void {
    for (const name of ['ack', 'asm'] as const) this.#links[name].front?.takeTokens({});
  }

  async renew(): Promise<void> {
    this.#count += 1;
    for (const name of ['ack', 'asm'] as const) {
      const { front, port } = this.#links[name];
      const token = `chaos-${name}-${this.#count}`;
      front?.takeTokens({ [token]: readKubeconfig(this.#sandbox.description[name].kubeconfig).token });
      const parts = { cluster: name, user: 'sluice', url: `https://127.0.0.1:${port}`, ca: front?.ca ?? '', token };
      await writeFile(join(this.#folder, `${name}.kubeconfig`), kubeconfigText(parts), { mode: 0o600 });
    }
  }
}
