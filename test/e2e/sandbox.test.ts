import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxDescription } from '../../src/sandbox/sandbox.ts';

const run = promisify(execFile);
const weightKey = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-weight';
const cli = 'dist/cli.js';

interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly description: SandboxDescription;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly stdout: () => string;
}

const started: Started[] = [];
let home: string;

beforeAll(async () => {
  if (!existsSync(cli)) throw new Error('dist/cli.js is missing: run "npm run build" first');
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
});

afterAll(async () => {
  for (const { child, exited } of started) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await exited;
  }
  await rm(home, { recursive: true, force: true });
});

async function startSandbox(...options: readonly string[]): Promise<Started> {
  const { REDIS_URL: _, ...env } = process.env;
  const child = spawn('node', [cli, 'sandbox', ...options], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part: Buffer) => {
    stdout += part;
  });
  child.stderr.on('data', (part: Buffer) => {
    stderr += part;
  });
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const ready = until(() => stdout.endsWith('\n') || child.exitCode !== null, 60_000);
  await ready.catch(() => undefined);
  if (!stdout.endsWith('\n')) {
    child.kill('SIGKILL');
    throw new Error(`the sandbox did not start:\n${stderr}`);
  }
  const description = JSON.parse(stdout) as SandboxDescription;
  const one = { child, pid: child.pid ?? 0, description, exited, stdout: () => stdout };
  started.push(one);
  return one;
}

async function until<T>(holds: () => T | Promise<T>, withinMs = 20_000): Promise<NonNullable<T>> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > endMs) throw new Error(`not within ${withinMs} ms: ${holds.toString().slice(0, 300)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function kubectl(kubeconfig: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, HOME: home, KUBECONFIG: kubeconfig };
  return (await run('kubectl', [...args], { env })).stdout.trim();
}

async function control<T = unknown>(
  { description }: Started,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await fetch(`${description.control.url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

interface SideCounters {
  readonly sinceStart: { readonly requests: number; readonly errors: number };
}
interface Counters {
  readonly source: SideCounters;
  readonly target: SideCounters;
  readonly lost: { readonly sinceStart: number };
}

/** Share of the target in per cent among the next `requests` requests. */
async function observedShare(sandbox: Started, requests: number): Promise<number> {
  const before = await control<Counters>(sandbox, 'GET', '/counters');
  const counted = (side: 'source' | 'target', now: Counters) =>
    now[side].sinceStart.requests - before[side].sinceStart.requests;
  const now = await until(async () => {
    const read = await control<Counters>(sandbox, 'GET', '/counters');
    return counted('source', read) + counted('target', read) >= requests ? read : null;
  });
  return (100 * counted('target', now)) / (counted('source', now) + counted('target', now));
}

interface State {
  readonly loadBalancers: Readonly<
    Record<string, { groups: Record<string, { backends: { owner: string; weight: number; health: string }[] }> }>
  >;
}

async function weights(sandbox: Started, group: string, service: string): Promise<readonly number[]> {
  const state = await control<State>(sandbox, 'GET', '/state');
  const backends = state.loadBalancers['lb-public']?.groups[group]?.backends ?? [];
  return backends.filter(({ owner }) => owner === `istio-system/${service}`).map(({ weight }) => weight);
}

/** Pids of all processes below one, frozen ones too. */
async function descendants(pid: number): Promise<readonly number[]> {
  const parents = new Map<number, number>();
  for (const entry of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const text = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (text !== '' && fields[0] !== 'Z') parents.set(Number(entry), Number(fields[1]));
  }
  const below = (of: number): number[] =>
    [...parents].flatMap(([child, parent]) => (parent === of ? [child, ...below(child)] : []));
  return below(pid);
}

async function stateOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function getInsecurely(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { rejectUnauthorized: false, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('sluice sandbox', () => {
  let sandbox: Started;

  beforeAll(async () => {
    sandbox = await startSandbox('--speed', '10', '--seed', '3');
  }, 90_000);

  it('prints one JSON object, with kubeconfigs that only their owner may read', async () => {
    const { description } = sandbox;
    expect(sandbox.stdout().trim().split('\n')).toHaveLength(1);
    expect(Object.keys(description)).toEqual([
      'ack',
      'asm',
      'clusters',
      'clb',
      'functions',
      'entries',
      'chat',
      'control',
    ]);
    expect(Object.keys(description.clb)).toEqual(['endpoint', 'accessKeyId', 'accessKeySecret', 'regionId']);
    expect(Object.keys(description.entries['lb-public'] ?? {})).toEqual(['80', '443']);
    for (const { kubeconfig } of [description.ack, description.asm]) {
      expect((await stat(kubeconfig)).mode & 0o777).toBe(0o600);
    }
  });

  it('starts at 100/0: every backend is healthy and the source has all requests', async () => {
    for (const group of ['rsp-pub-80', 'rsp-pub-443']) {
      expect(await weights(sandbox, group, 'istio-ingressgateway')).toEqual([33, 33, 33]);
      expect(await weights(sandbox, group, 'istio-ingressgateway-asm')).toEqual([0, 0, 0]);
    }
    expect(await observedShare(sandbox, 200)).toBe(0);
  });

  it('answers curl at both entries', async () => {
    const entries = sandbox.description.entries['lb-public'] ?? {};
    const plain = await (await fetch(`${entries['80']}/productpage`)).json();
    expect(plain).toMatchObject({ side: 'source', path: '/productpage' });
    expect(JSON.parse(await getInsecurely(`${entries['443']}/productpage`))).toMatchObject({ side: 'source' });
  });

  it('sends the share that the annotations give, once somebody writes them with kubectl', async () => {
    const { ack, asm } = sandbox.description;
    const annotation = JSON.stringify({ spec: { serviceAnnotations: { [weightKey]: '50' } } });
    await kubectl(
      asm.kubeconfig,
      ...['-n', 'istio-system', 'patch', 'istiogateway', 'ingressgateway-asm', '--type', 'merge', '-p', annotation],
    );
    await until(async () => (await weights(sandbox, 'rsp-pub-443', 'istio-ingressgateway-asm')).join() === '16,16,16');
    // 16 of 16 + 33 on each of three backends, on port 80 as on 443.
    expect(await weights(sandbox, 'rsp-pub-80', 'istio-ingressgateway-asm')).toEqual([16, 16, 16]);
    expect(await observedShare(sandbox, 500)).toBeCloseTo((100 * 16) / 49, -1);

    await kubectl(
      ack.kubeconfig,
      ...['-n', 'istio-system', 'annotate', 'service', 'istio-ingressgateway', `${weightKey}=0`, '--overwrite'],
    );
    await until(async () => (await weights(sandbox, 'rsp-pub-80', 'istio-ingressgateway')).join() === '0,0,0');
    expect(await observedShare(sandbox, 200)).toBeGreaterThan(95);
    expect((await control<Counters>(sandbox, 'GET', '/counters')).lost.sinceStart).toBe(0);
  });

  it('fails requests of a side when it is told to', async () => {
    await control(sandbox, 'PUT', '/gateways/target', { errorRate: 1 });
    const before = await control<Counters>(sandbox, 'GET', '/counters');
    await until(async () => {
      const now = await control<Counters>(sandbox, 'GET', '/counters');
      return now.target.sinceStart.errors > before.target.sinceStart.errors + 50;
    });
    await control(sandbox, 'PUT', '/gateways/target', { errorRate: 0 });
  });

  it('adds and removes backends without losing a request', async () => {
    await control(sandbox, 'PUT', '/gateways/target', { backends: 5 });
    await until(
      async () => (await weights(sandbox, 'rsp-pub-80', 'istio-ingressgateway-asm')).join() === '10,10,10,10,10',
    );
    await control(sandbox, 'PUT', '/gateways/target', { backends: 2 });
    await until(async () => (await weights(sandbox, 'rsp-pub-80', 'istio-ingressgateway-asm')).join() === '25,25');
    await observedShare(sandbox, 100);
    expect((await control<Counters>(sandbox, 'GET', '/counters')).lost.sinceStart).toBe(0);
  });

  it('fails the Kubernetes API and the functions while a fault is in force', async () => {
    const { ack, functions } = sandbox.description;
    await control(sandbox, 'PUT', '/faults', [
      { where: 'ack', kind: 'error', status: 500 },
      { where: 'functions', kind: 'error', status: 429 },
    ]);
    await expect(kubectl(ack.kubeconfig, 'get', 'services', '-A')).rejects.toThrow();
    expect((await fetch(`${functions.url}/healthz`)).status).toBe(429);
    await control(sandbox, 'DELETE', '/faults');
    expect(await kubectl(ack.kubeconfig, 'get', 'services', '-A', '-o', 'name')).toContain(
      'service/istio-ingressgateway',
    );
    expect((await fetch(`${functions.url}/healthz`)).status).toBe(200);
  });

  it('refuses a fault where nothing of its own stands', async () => {
    const fault = [{ where: 'redis', kind: 'drop' }];
    await expect(control(sandbox, 'PUT', '/faults', fault)).rejects.toThrow('400');
  });

  it('takes its token at the functions, and no other', async () => {
    const { url, token } = sandbox.description.functions;
    const list = (bearer: string) => fetch(`${url}/v1/migrations`, { headers: { authorization: `Bearer ${bearer}` } });
    expect((await list(token)).status).toBe(200);
    expect((await list('wrong')).status).toBe(401);
  });

  it('ends with SIGTERM: exit code 0, no process and no folder left', async () => {
    const children = await descendants(sandbox.pid);
    expect(children.length).toBeGreaterThanOrEqual(4);
    sandbox.child.kill('SIGTERM');
    expect(await sandbox.exited).toEqual({ code: 0, signal: null });
    expect(children.filter(isAlive)).toEqual([]);
    expect(existsSync(dirname(sandbox.description.ack.kubeconfig))).toBe(false);
  });
});

describe('a sandbox that is killed', () => {
  it('leaves no process behind, not even a frozen instance', async () => {
    const sandbox = await startSandbox('--speed', '10', '--rate', '10');
    await fetch(`${sandbox.description.functions.url}/healthz`);
    const children = await descendants(sandbox.pid);
    // A frozen process cannot notice that its parent is gone: without one of them this would show nothing.
    await until(async () => (await Promise.all(children.map(stateOf))).includes('T'));
    sandbox.child.kill('SIGKILL');
    await sandbox.exited;
    await until(() => !children.some(isAlive));
    await rm(dirname(sandbox.description.ack.kubeconfig), { recursive: true, force: true });
  }, 90_000);
});

describe('sandboxes of other shapes', () => {
  it.each([
    ['nodes of both sides together', ['--mode', 'cluster'], '33,33,33'],
    ['nodes that run a pod', ['--mode', 'local', '--controller', '2.11'], '33,33,33'],
  ])(
    'start with %s as backends',
    async (_, options, source) => {
      const sandbox = await startSandbox('--speed', '20', ...options);
      expect((await weights(sandbox, 'rsp-pub-80', 'istio-ingressgateway')).join()).toBe(source);
      expect(await observedShare(sandbox, 100)).toBe(0);
      sandbox.child.kill('SIGINT');
      expect(await sandbox.exited).toEqual({ code: 0, signal: null });
    },
    90_000,
  );

  it('start with an added cluster, whose target backends are at the load balancer too', async () => {
    const sandbox = await startSandbox('--speed', '20', '--clusters', '1');
    expect(Object.keys(sandbox.description.clusters)).toEqual(['ack', 'ack-2']);
    expect(await weights(sandbox, 'rsp-pub-80', 'istio-ingressgateway-asm')).toEqual([0, 0, 0, 0, 0, 0]);
    const second = sandbox.description.clusters['ack-2']?.kubeconfig ?? '';
    expect(await kubectl(second, 'get', 'services', '-A', '-o', 'name')).toBe('service/istio-ingressgateway-asm');
    sandbox.child.kill('SIGTERM');
    expect((await sandbox.exited).code).toBe(0);
  }, 90_000);
});

describe('wrong use', () => {
  it('is answered with every mistake at once and exit code 2, and nothing is started', async () => {
    const options = ['--mode', 'moon', '--rate', '-1', '--speed', '0', '--mesh-latency', 'soon', '--port', '99999'];
    const error = await run('node', [cli, 'sandbox', ...options]).then(
      () => expect.unreachable('it should have been refused'),
      (failure: { code: number; stdout: string; stderr: string }) => failure,
    );
    expect(error.code).toBe(2);
    expect(error.stdout).toBe('');
    for (const flag of ['--mode', '--rate', '--speed', '--mesh-latency', '--port'])
      expect(error.stderr).toContain(flag);
  });
});
