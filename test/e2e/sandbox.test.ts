import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Counters,
  descendants,
  isAlive,
  type RunningSandbox,
  runCli,
  startSandbox,
  until,
} from '../fixtures/running-sandbox.ts';

const run = promisify(execFile);
const weightKey = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-weight';

let home: string;
const started: RunningSandbox[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
});

afterAll(async () => {
  for (const sandbox of started) await sandbox.stop();
  await rm(home, { recursive: true, force: true });
});

async function start(...options: readonly string[]): Promise<RunningSandbox> {
  const sandbox = await startSandbox(...options);
  started.push(sandbox);
  return sandbox;
}

async function kubectl(kubeconfig: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, HOME: home, KUBECONFIG: kubeconfig };
  return (await run('kubectl', [...args], { env })).stdout.trim();
}

/** Share of the target in per cent among the next `requests` requests. */
async function observedShare(sandbox: RunningSandbox, requests: number): Promise<number> {
  const before = await sandbox.counters();
  const counted = (side: 'source' | 'target', now: Counters) =>
    now[side].sinceStart.requests - before[side].sinceStart.requests;
  const now = await until(async () => {
    const read = await sandbox.counters();
    return counted('source', read) + counted('target', read) >= requests ? read : null;
  });
  return (100 * counted('target', now)) / (counted('source', now) + counted('target', now));
}

async function stateOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3);
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
  let sandbox: RunningSandbox;

  beforeAll(async () => {
    sandbox = await start('--speed', '10', '--seed', '3');
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
      expect(await sandbox.weights(group, 'istio-ingressgateway')).toEqual([33, 33, 33]);
      expect(await sandbox.weights(group, 'istio-ingressgateway-asm')).toEqual([0, 0, 0]);
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
    await until(async () => (await sandbox.weights('rsp-pub-443', 'istio-ingressgateway-asm')).join() === '16,16,16');
    // 16 of 16 + 33 on each of three backends, on port 80 as on 443.
    expect(await sandbox.weights('rsp-pub-80', 'istio-ingressgateway-asm')).toEqual([16, 16, 16]);
    expect(await observedShare(sandbox, 500)).toBeCloseTo((100 * 16) / 49, -1);

    await kubectl(
      ack.kubeconfig,
      ...['-n', 'istio-system', 'annotate', 'service', 'istio-ingressgateway', `${weightKey}=0`, '--overwrite'],
    );
    await until(async () => (await sandbox.weights('rsp-pub-80', 'istio-ingressgateway')).join() === '0,0,0');
    expect(await observedShare(sandbox, 200)).toBeGreaterThan(95);
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  });

  it('fails requests of a side when it is told to', async () => {
    await sandbox.control('PUT', '/gateways/target', { errorRate: 1 });
    const before = await sandbox.counters();
    await until(async () => {
      const now = await sandbox.counters();
      return now.target.sinceStart.errors > before.target.sinceStart.errors + 50;
    });
    await sandbox.control('PUT', '/gateways/target', { errorRate: 0 });
  });

  it('adds and removes backends without losing a request', async () => {
    await sandbox.control('PUT', '/gateways/target', { backends: 5 });
    await until(
      async () => (await sandbox.weights('rsp-pub-80', 'istio-ingressgateway-asm')).join() === '10,10,10,10,10',
    );
    await sandbox.control('PUT', '/gateways/target', { backends: 2 });
    await until(async () => (await sandbox.weights('rsp-pub-80', 'istio-ingressgateway-asm')).join() === '25,25');
    await observedShare(sandbox, 100);
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  });

  it('fails the Kubernetes API and the functions while a fault is in force', async () => {
    const { ack, functions } = sandbox.description;
    await sandbox.control('PUT', '/faults', [
      { where: 'ack', kind: 'error', status: 500 },
      { where: 'functions', kind: 'error', status: 429 },
    ]);
    await expect(kubectl(ack.kubeconfig, 'get', 'services', '-A')).rejects.toThrow();
    expect((await fetch(`${functions.url}/healthz`)).status).toBe(429);
    await sandbox.control('DELETE', '/faults');
    expect(await kubectl(ack.kubeconfig, 'get', 'services', '-A', '-o', 'name')).toContain(
      'service/istio-ingressgateway',
    );
    expect((await fetch(`${functions.url}/healthz`)).status).toBe(200);
  });

  it('refuses a fault where nothing of its own stands', async () => {
    const fault = [{ where: 'redis', kind: 'drop' }];
    await expect(sandbox.control('PUT', '/faults', fault)).rejects.toThrow('400');
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
    expect(await sandbox.exited).toMatchObject({ code: 0, signal: null });
    expect(children.filter(isAlive)).toEqual([]);
    expect(existsSync(dirname(sandbox.description.ack.kubeconfig))).toBe(false);
  });
});

describe('a sandbox that is killed', () => {
  it('leaves no process behind, not even a frozen instance', async () => {
    const sandbox = await start('--speed', '10', '--rate', '10');
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
      const sandbox = await start('--speed', '20', ...options);
      expect((await sandbox.weights('rsp-pub-80', 'istio-ingressgateway')).join()).toBe(source);
      expect(await observedShare(sandbox, 100)).toBe(0);
      sandbox.child.kill('SIGINT');
      expect(await sandbox.exited).toMatchObject({ code: 0, signal: null });
    },
    90_000,
  );

  it('start with an added cluster, whose target backends are at the load balancer too', async () => {
    const sandbox = await start('--speed', '20', '--clusters', '1');
    expect(Object.keys(sandbox.description.clusters)).toEqual(['ack', 'ack-2']);
    expect(await sandbox.weights('rsp-pub-80', 'istio-ingressgateway-asm')).toEqual([0, 0, 0, 0, 0, 0]);
    const second = sandbox.description.clusters['ack-2']?.kubeconfig ?? '';
    expect((await kubectl(second, 'get', 'services', '-A', '-o', 'name')).split('\n')).toEqual([
      'service/reviews',
      'service/istio-ingressgateway-asm',
    ]);
    expect(await kubectl(second, 'get', 'pods', '-A', '-o', 'name')).toBe('pod/reviews-v3');
    sandbox.child.kill('SIGTERM');
    expect((await sandbox.exited).code).toBe(0);
  }, 90_000);
});

describe('wrong use', () => {
  it('is answered with every mistake at once and exit code 2, and nothing is started', async () => {
    const options = ['--mode', 'moon', '--rate', '-1', '--speed', '0', '--mesh-latency', 'soon', '--port', '99999'];
    const ended = await runCli(['sandbox', ...options]);
    expect(ended.code).toBe(2);
    expect(ended.stdout).toBe('');
    for (const flag of ['--mode', '--rate', '--speed', '--mesh-latency', '--port'])
      expect(ended.stderr).toContain(flag);
  });
});
