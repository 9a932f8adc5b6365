import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MigrationView } from '../../src/domain/view.ts';
import { type Operator, operatorOf, sourceService, targetService } from '../fixtures/operator.ts';
import { type Ended, type RunningSandbox, runCli, startSandbox, until } from '../fixtures/running-sandbox.ts';

/** Everything that examples/bookinfo/README.md lists, in its order. */

const clusterId = 'c7a1f0b2d9e34c58';
const example = (file: string) => fileURLToPath(new URL(`../../examples/bookinfo/${file}`, import.meta.url));
let home: string;
let sandbox: RunningSandbox;
let operator: Operator;
let described: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-bookinfo-'));
  sandbox = await startSandbox('--speed', '5', '--seed', '71', '--rate', '400');
  operator = operatorOf(sandbox, home);
  described = join(home, 'sandbox.json');
  await writeFile(described, JSON.stringify(sandbox.description));
  await emptyMesh();
}, 120_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

/** A mesh as it is before step 1: no gateway, and nothing that one would serve. */
async function emptyMesh(): Promise<void> {
  const { ack, asm } = sandbox.description;
  await operator.kubectl(asm.kubeconfig, 'delete', 'istiogateway', 'ingressgateway-asm');
  await operator.kubectl(asm.kubeconfig, '-n', 'default', 'delete', 'gateways.networking.istio.io', 'bookinfo-gateway');
  await operator.kubectl(asm.kubeconfig, '-n', 'default', 'delete', 'virtualservice', 'bookinfo');
  await until(async () => {
    const services = await operator.kubectl(ack.kubeconfig, 'get', 'services', '-o', 'name');
    return !services.includes(targetService) && (await sandbox.weights('rsp-pub-80', targetService)).length === 0;
  }, 60_000);
}

/** An example with bakes that a test can wait for, and an undo time that lets it close. */
async function brief(file: string): Promise<string> {
  const text = await readFile(example(file), 'utf8');
  const path = join(home, file);
  await writeFile(path, `${text.replace(/bake: \d+m/g, 'bake: 20s')}  settle: 5s\n  undoFor: 10s\n`);
  return path;
}

const cluster = (...args: readonly string[]): Promise<Ended> => runCli([...args, '--sandbox', described]);
const outcomes = ({ stdout }: Ended) =>
  stdout.split('\n').flatMap((line) => line.match(/^[a-z ]+?(?= {2})/)?.[0] ?? []);

/** Again while a function does not answer in its time, which is short in a fast sandbox. */
async function asked(...args: readonly string[]): Promise<Ended> {
  return until(async () => {
    const ended = await sandbox.sluice(...args);
    return ended.code === 3 ? null : ended;
  }, 60_000);
}

/** Several steps with a verdict each take longer than one change of state. @throws Error where it ends otherwise */
async function closed(name: string): Promise<MigrationView> {
  return until(async () => {
    const view = await operator.get(name);
    if (view.isFinal && view.state !== 'closed') throw new Error(`${name} is ${view.state}: ${view.reason}`);
    return view.isFinal ? view : null;
  }, 160_000);
}

describe('Bookinfo', { timeout: 180_000 }, () => {
  it('is applied as it is', async () => {
    const { ack } = sandbox.description;
    const files = ['-f', example('application.yaml'), '-f', example('gateway.yaml')];
    const applied = await operator.kubectl(ack.kubeconfig, '-n', 'default', 'apply', ...files);
    expect(applied.split('\n')).toHaveLength(12);
  });

  it('cannot move before there is a gateway for it', async () => {
    const { code, stdout } = await asked('preflight', '-f', await brief('migration.yaml'));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAIL +readable +.*ingressgateway-asm/m);
  });

  it('1 gets the gateway at weight 0, which the load balancer takes in', async () => {
    const ended = await cluster(
      'gateway',
      '-f',
      await brief('migration.yaml'),
      '--ack-id',
      clusterId,
      '--apply',
      '--for',
      '60s',
    );
    expect([ended.code, outcomes(ended)]).toEqual([0, ['created', 'ready']]);
    await until(async () => (await sandbox.weights('rsp-pub-80', targetService)).length === 3, 60_000);
    expect(await sandbox.weights('rsp-pub-80', targetService)).toEqual([0, 0, 0]);
  });

  it('2 gets what it serves, and nothing of it twice', async () => {
    const file = await brief('migration.yaml');
    const first = await cluster('config', '-f', file, '--apply');
    expect({ code: first.code, stderr: first.stderr }).toMatchObject({ code: 0 });
    expect(outcomes(first).filter((outcome) => outcome === 'created')).toHaveLength(2);
    const { asm } = sandbox.description;
    const selector = 'jsonpath={.spec.selector.istio}';
    const get = ['-n', 'default', 'get', 'gateways.networking.istio.io', 'bookinfo-gateway', '-o', selector];
    expect(await operator.kubectl(asm.kubeconfig, ...get)).toBe('ingressgateway-asm');
    const again = await cluster('config', '-f', file, '--apply');
    expect([again.code, new Set(outcomes(again))]).toEqual([0, new Set(['was there'])]);
  });

  it('3 is asked for at both gateways, and answered alike', async () => {
    const file = await brief('migration.yaml');
    const { code, stdout } = await asked('preflight', '-f', file, '--all');
    expect({ code, parity: stdout.match(/PASS +parity .*both sides answer \S+ with 200/g) }).toMatchObject({
      code: 0,
      parity: { length: 3 },
    });
    expect((await asked('plan', '-f', file)).code).toBe(0);
  });

  it('4 moves, and no request is lost', async () => {
    const started = await asked('start', '-f', await brief('migration.yaml'));
    expect({ code: started.code, stderr: started.stderr }).toEqual({ code: 0, stderr: '' });
    const view = await closed('bookinfo');
    expect(view.share).toMatchObject({ asked: 100, achieved: 100 });
    expect(await sandbox.weights('rsp-pub-80', sourceService)).toEqual([0, 0, 0]);
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
    expect(view.entries.map(({ loadBalancer, port, isOk }) => `${loadBalancer}:${port} ${isOk}`)).toEqual([
      'lb-public:80 true',
      'lb-public:443 true',
    ]);
  });

  it('4 sends all calls to reviews to v3', async () => {
    const started = await asked('start', '-f', await brief('reviews.yaml'));
    expect({ code: started.code, stderr: started.stderr }).toEqual({ code: 0, stderr: '' });
    const view = await closed('bookinfo-reviews');
    expect(view.subsets).toMatchObject([{ host: 'reviews', weights: { v1: 0, v2: 0, v3: 100 }, share: 100 }]);
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  });

  it('5 keeps its old gateway until somebody has counted that nothing needs it', async () => {
    const { code, stdout } = await until(async () => {
      const file = join(home, 'migration.yaml');
      const ended = await sandbox.sluice('retire', '-f', file, '--sandbox', described, '--output', 'json');
      return ended.code === 3 ? null : ended;
    }, 60_000);
    const { checks } = JSON.parse(stdout) as { checks: { id: string; status: string }[] };
    expect(code).toBe(1);
    const open = checks.filter(({ status }) => status !== 'pass').map(({ id }) => id);
    expect(open).toContain('requests');
    // It is closed, and has its configuration in the mesh: that is no longer in the way.
    expect(open).not.toContain('ended');
  });
});
