import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { MigrationView } from '../../src/domain/view.ts';
import { sandboxClock } from '../../src/sandbox/clock.ts';
import { Faults } from '../../src/sandbox/faults.ts';
import { asmResources } from '../../src/sandbox/kubernetes/resource-types.ts';
import { type ApiServer, startApiServer } from '../../src/sandbox/kubernetes/server.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { type Ended, type RunningSandbox, runCli, startSandbox, until } from '../fixtures/running-sandbox.ts';
import { writeMigration } from '../fixtures/running-serve.ts';

const speed = 10;
const onlyReads = 'a-token-that-may-only-read';
let home: string;
let asm: ApiServer;
let sandbox: RunningSandbox;
let readerKubeconfig: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-rescue-'));
  // An API server of our own for the mesh, because it can know somebody who may read and not patch.
  const clock = sandboxClock(speed);
  asm = await startApiServer({
    name: 'asm',
    place: 'asm',
    serves: asmResources,
    clock,
    faults: new Faults(seededRandom(1), clock.now),
    tokens: { [onlyReads]: [{ verbs: ['get', 'list', 'watch'], apiGroups: ['*'], resources: ['*'] }] },
  });
  for (const namespace of ['default', 'istio-system']) {
    asm.model.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, clock.now());
  }
  const adminKubeconfig = await secretFile('asm.kubeconfig', asm.kubeconfig);
  readerKubeconfig = await secretFile('reader.kubeconfig', asm.kubeconfigFor(onlyReads));
  const options = ['--seed', '11', '--rate', '100', '--asm-kubeconfig', adminKubeconfig];
  sandbox = await startSandbox('--speed', String(speed), ...options);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await asm?.stop();
  await rm(home, { recursive: true, force: true });
});

async function secretFile(name: string, text: string): Promise<string> {
  const file = join(home, name);
  await writeFile(file, text);
  await chmod(file, 0o600);
  return file;
}

const source = (group = 'rsp-pub-80') => sandbox.weights(group, 'istio-ingressgateway');
const target = (group = 'rsp-pub-80') => sandbox.weights(group, 'istio-ingressgateway-asm');

/** From a laptop with an empty home: kubeconfigs, the CLB and its keys, and nothing of the functions. */
function rescue(asmKubeconfig: string, ...more: readonly string[]): Promise<Ended> {
  const { ack, clb } = sandbox.description;
  const kubeconfigs = ['--ack-kubeconfig', ack.kubeconfig, '--asm-kubeconfig', asmKubeconfig];
  const at = ['--clb-region', clb.regionId, '--clb-endpoint', clb.endpoint, '--clb-protocol', 'http'];
  return runCli(['rescue', 'shop-ingress', '--yes', ...kubeconfigs, ...at, ...more], {
    HOME: home,
    ALIBABA_CLOUD_ACCESS_KEY_ID: clb.accessKeyId,
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: clb.accessKeySecret,
  });
}

async function get(): Promise<MigrationView | null> {
  const { code, stdout } = await sandbox.sluice('get', 'shop-ingress', '--output', 'json');
  return code === 0 ? (JSON.parse(stdout) as MigrationView) : null;
}

/** @throws Error at once where it has come to another end */
const isIn = (state: string): Promise<MigrationView> =>
  until(async () => {
    const view = await get();
    if (view?.isFinal && view.state !== state) throw new Error(`${view.state}: ${view.reason}`);
    return view?.state === state ? view : null;
  }, 40_000);

describe('sluice rescue, while every function instance is killed at 50 per cent', () => {
  it('without the right to patch says which right is missing, and moves nothing', async () => {
    const file = await writeMigration(home, 'shop-ingress', 'steps: [{ share: 50, bake: 12h }]', 'deadline: 20h');
    expect((await sandbox.sluice('start', '-f', file)).code).toBe(0);
    await isIn('progressing.baking');
    expect([await source(), await target()]).toEqual([await target(), await source()]);
    await sandbox.control('PUT', '/faults', [{ where: 'functions', kind: 'kill' }]);

    const refused = await rescue(readerKubeconfig);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/forbidden \(403\); missing permission: patch istiogateways.* istio-system/);
    expect(refused.stderr).not.toContain(onlyReads);
  }, 60_000);

  it('brings the baseline back and verifies it at the load balancer', async () => {
    const { code, stdout, stderr } = await rescue(join(home, 'asm.kubeconfig'));
    expect({ code, first: stdout.split('\n')[0] }).toEqual({
      code: 0,
      first: 'The baseline of shop-ingress is back, verified at the CLB.',
    });
    expect(stdout).toMatch(/lb-public:80 +rsp-pub-80 +source 99 +target 0 +0 %/);
    expect(stderr).toMatch(
      /ack\/istio-system\/istio-ingressgateway weight 100, asm\/istio-system\/ingressgateway-asm weight 0/,
    );
    for (const group of ['rsp-pub-80', 'rsp-pub-443']) {
      expect(await source(group)).toEqual([33, 33, 33]);
      expect(await target(group)).toEqual([0, 0, 0]);
    }
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  }, 60_000);

  it('is not fought by the engine that comes back: it is held, says why, and leaves the weights', async () => {
    await sandbox.control('DELETE', '/faults');
    const held = await isIn('held');
    expect(held.reason).toMatch(/an object carries fence \d+: somebody rescued/);
    expect(held.allowed).toContain('abort');
    // Several looks of the engine, which comes every five seconds of the sandbox's time.
    const untilMs = Date.now() + 3_000;
    while (Date.now() < untilMs) {
      expect([await source(), await target()]).toEqual([
        [33, 33, 33],
        [0, 0, 0],
      ]);
      await wait(100);
    }
    expect((await get())?.state).toBe('held');
  }, 60_000);

  it('is told to a person who resumes all the same, and still nothing is written', async () => {
    const holds = async () => {
      const { stdout } = await sandbox.sluice('history', 'shop-ingress');
      return stdout.split('\n').filter((line) => / held .*an object carries fence \d+: somebody rescued/.test(line))
        .length;
    };
    const before = await holds();
    expect((await sandbox.sluice('resume', 'shop-ingress')).code).toBe(0);
    await until(async () => (await holds()) > before, 40_000);
    await isIn('held');
    expect([await source(), await target()]).toEqual([
      [33, 33, 33],
      [0, 0, 0],
    ]);
  }, 60_000);

  it('is agreed with by an abort, after which the name is free and no baseline is kept', async () => {
    expect((await sandbox.sluice('abort', 'shop-ingress')).code).toBe(0);
    await isIn('rolledBack');
    await until(async () => (await rescue(join(home, 'asm.kubeconfig'))).code === 1);
    expect(await rescue(join(home, 'asm.kubeconfig'))).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'no baseline of shop-ingress is kept in the clusters given: nothing was moved, or it is back already\n',
    });
    expect([await source(), await target()]).toEqual([
      [33, 33, 33],
      [0, 0, 0],
    ]);
  }, 60_000);
});

describe('sluice rescue where it cannot reach the cluster', () => {
  it('ends with exit code 3 and tells no secret', async () => {
    const own = await readFile(sandbox.description.ack.kubeconfig, 'utf8');
    const gone = own.replace(/server: https:\/\/127\.0\.0\.1:\d+/, 'server: https://127.0.0.1:1');
    expect(gone).not.toBe(own);
    const file = await secretFile('gone.kubeconfig', gone);
    const ended = await runCli(['rescue', 'shop-ingress', '--yes', '--ack-kubeconfig', file], { HOME: home });
    expect(ended).toMatchObject({ code: 3, stdout: '' });
    expect(ended.stderr).toContain('ECONNREFUSED');
    expect(ended.stderr).not.toContain(parse(own).users[0].user.token);
  }, 60_000);
});
