import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { MigrationView } from '../../src/domain/view.ts';
import { freePort } from '../fixtures/redis-server.ts';
import { type Ended, type RunningSandbox, runCli, startCli, startSandbox, until } from '../fixtures/running-sandbox.ts';
import { writeMigration } from '../fixtures/running-serve.ts';

const run = promisify(execFile);
let home: string;
let kubectlHome: string;
let described: string;
let sandbox: RunningSandbox;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-cli-'));
  kubectlHome = await mkdtemp(join(tmpdir(), 'sluice-e2e-kubectl-'));
  sandbox = await startSandbox('--speed', '10', '--seed', '7', '--rate', '100');
  described = join(home, 'sandbox.json');
  await writeFile(described, sandbox.stdout());
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await Promise.all([home, kubectlHome].map((folder) => rm(folder, { recursive: true, force: true })));
});

/** As the operator of the sandbox, with an empty home. */
function sluice(...args: readonly string[]): Promise<Ended> {
  return runCli(args, environment());
}

function environment(): Readonly<Record<string, string>> {
  const { url, token } = sandbox.description.functions;
  return { HOME: home, SLUICE_SERVER: url ?? '', SLUICE_TOKEN: token };
}

async function json<T = MigrationView>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await sluice(...args, '--output', 'json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

/** Asks the API itself, where what the command line prints is not the point. */
async function ask<T>(path: string): Promise<T> {
  const { url, token } = sandbox.description.functions;
  const answer = await fetch(`${url}${path}`, { headers: { 'x-sluice-token': token } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const isIn = (name: string, state: string) =>
  until(async () => {
    const view = await ask<MigrationView>(`/v1/migrations/${name}`);
    return view.state === state ? view : null;
  }, 40_000);

const settled = ['settle: 0s', 'analysis: { errorRate: { harmBudget: 50%, minRequests: 10 } }'];
const target = () => sandbox.weights('rsp-pub-443', 'istio-ingressgateway-asm');
const source = () => sandbox.weights('rsp-pub-443', 'istio-ingressgateway');

async function expectBaseline(): Promise<void> {
  expect(await source()).toEqual([33, 33, 33]);
  expect(await target()).toEqual([0, 0, 0]);
}

describe('sluice init', () => {
  it('writes the short form, which runs as it is, and promote --all brings it to its end', async () => {
    const file = join(home, 'shop.yaml');
    const written = await runCli(['init', '--sandbox', described, '--write', file], { HOME: home });
    expect(written).toMatchObject({ code: 0, stdout: '' });
    const text = await readFile(file, 'utf8');
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
    expect(parse(text)).toEqual({
      apiVersion: 'sluice/v1',
      kind: 'Migration',
      metadata: { name: 'shop-ingress' },
      spec: {
        source: 'istio-system/istio-ingressgateway',
        target: 'istio-system/ingressgateway-asm',
        probe: { host: 'shop.example.com', path: '/productpage' },
        steps: ['10%', '50%', '90%', '100%'],
      },
    });
    // A function that begins cold on a busy machine may run out of its time, which is short in a fast sandbox.
    const planned = await until(async () => {
      const ended = await sluice('plan', '-f', file);
      return ended.code === 3 ? null : ended;
    });
    expect(planned).toMatchObject({ code: 0, stdout: expect.stringContaining('rsp-pub-443') });
    expect(await json('start', '-f', file)).toMatchObject({ name: 'shop-ingress', steps: 4 });
    await isIn('shop-ingress', 'progressing.baking');
    const watching = startCli(['get', 'shop-ingress', '--watch'], environment());
    expect(await json('promote', 'shop-ingress', '--all')).toMatchObject({ step: 4, share: { asked: 100 } });
    const watched = await watching.exited;
    expect(watched).toMatchObject({ code: 0, stderr: '' });
    const lines = watched.stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/shop-ingress {2}completed {2}step 4 of 4 {2}asked 100 % {2}achieved 100 %/);
    // Lines for where there is no terminal: nothing that moves a cursor or colours a word.
    expect(watched.stdout).not.toContain('\u001b');
    expect([await source(), await target()]).toEqual([
      [0, 0, 0],
      [33, 33, 33],
    ]);
  }, 60_000);

  it('finds the same with kubeconfigs, and does not overwrite a file', async () => {
    const { ack, asm } = sandbox.description;
    const options = ['--ack-kubeconfig', ack.kubeconfig, '--asm-kubeconfig', asm.kubeconfig];
    const shown = await runCli(['init', ...options], { HOME: home });
    expect(shown).toMatchObject({ code: 0, stdout: await readFile(join(home, 'shop.yaml'), 'utf8') });
    const again = await runCli(['init', ...options, '--write', join(home, 'shop.yaml')], { HOME: home });
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is there already') });
  });
});

describe('a completed migration', () => {
  it('is listed, has a history of who did what, and is undone by rollback', async () => {
    const { migrations } = await json<{ migrations: readonly MigrationView[] }>('list');
    expect(migrations.map(({ name, state }) => ({ name, state }))).toEqual([
      { name: 'shop-ingress', state: 'completed' },
    ]);
    expect((await sluice('list')).stdout).toMatch(/^NAME .*\nshop-ingress {2}completed {2}4\/4 .*\n$/);
    expect(await json('rollback', 'shop-ingress', '--reason', 'not today')).toMatchObject({ name: 'shop-ingress' });
    const back = await isIn('shop-ingress', 'rolledBack');
    expect(back.reason).toMatch(/^rollback asked by you: not today/);
    await expectBaseline();
    const { history } = await json<{ history: readonly { kind: string; text: string; actor: string | null }[] }>(
      'history',
      'shop-ingress',
    );
    expect(history.filter(({ kind }) => kind === 'command').map(({ text, actor }) => `${actor}: ${text}`)).toEqual([
      'you: start shop-ingress',
      'you: promote all steps',
      'you: not today: rollback',
    ]);
    expect(history.at(-1)?.kind).toBe('rolledback');
    expect((await sluice('history', 'shop-ingress')).stdout.split('\n')[0]).toMatch(/^TIME +RUN +KIND +BY +WHAT$/);
  }, 40_000);
});

describe('commands while a migration runs', () => {
  it('pause keeps the share, resume goes on, approve opens the gate, --wait ends with the end', async () => {
    const steps = 'steps: [{ share: 50, bake: 10s, gate: { expiresIn: 2h } }]';
    const file = await writeMigration(home, 'gated', steps, 'finish: return', ...settled);
    const waiting = startCli(['start', '-f', file, '--wait'], environment());
    await until(() => waiting.stderr().includes('gated has started'));
    await isIn('gated', 'progressing.baking');
    expect(await json('pause', 'gated')).toMatchObject({ state: 'paused', share: { asked: 50 } });
    expect(await target()).toEqual(await source());
    expect((await json('resume', 'gated')).state).toMatch(/^progressing/);
    const { gate } = await isIn('gated', 'progressing.gated');
    const wrong = await sluice('approve', 'gated', '--gate', 'another');
    expect(wrong).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(`the open gate is ${gate?.id}`),
    });
    expect((await sluice('get', 'gated')).stdout).toContain(`sluice approve gated --gate ${gate?.id}`);
    expect(await json('approve', 'gated', '--gate', gate?.id ?? '')).toMatchObject({ gate: null });
    const { code, stdout } = await waiting.exited;
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/gated {2}rolledBack .*because the canary is over/);
  }, 60_000);

  it('abort puts the baseline back, and --wait then ends with 1', async () => {
    const file = await writeMigration(home, 'aborted', 'steps: [{ share: 10, bake: 12h }]', 'deadline: 20h');
    const waiting = startCli(['start', '-f', file, '--wait', '--output', 'json'], environment());
    await until(() => waiting.stderr().includes('aborted has started'));
    const baking = await isIn('aborted', 'progressing.baking');
    expect(baking.allowed).toEqual(['pause', 'promote', 'abort', 'rollback']);
    const refused = await sluice('retry', 'aborted');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toBe('cannot retry in state progressing.baking; possible in: stuck\n');
    expect(await json('abort', 'aborted', '--reason', 'wrong day')).toMatchObject({ name: 'aborted' });
    const { code, stdout } = await waiting.exited;
    expect(code).toBe(1);
    const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as MigrationView;
    expect(last).toMatchObject({ state: 'rolledBack', reason: expect.stringContaining('aborted by you: wrong day') });
    await expectBaseline();
  }, 60_000);

  it('Ctrl-C ends a watch and nothing else', async () => {
    const file = await writeMigration(home, 'first', 'steps: [{ share: 10, bake: 12h }]', 'deadline: 20h');
    expect((await sluice('start', '-f', file)).code).toBe(0);
    const watching = startCli(['get', 'first', '--watch', '--output', 'json'], environment());
    await until(() => watching.stdout().includes('\n'));
    watching.child.kill('SIGINT');
    expect(await watching.exited).toMatchObject({ code: 0, signal: null });
    for (const line of watching.stdout().trimEnd().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ name: 'first' });
    expect(await json('get', 'first')).toMatchObject({ isFinal: false });
  }, 40_000);
});

describe('what is wrong', () => {
  it('with a file is told all at once, with path and line, and nothing is written anywhere', async () => {
    // The migration that holds the gateways is paused, so that what changes would be of the refused one.
    await isIn('first', 'progressing.baking');
    expect((await sluice('pause', 'first')).code).toBe(0);
    const text = [
      'apiVersion: v1',
      'kind: Migration',
      'metadata: { name: Shop }',
      'spec:',
      '  source: istio-system/istio-ingressgateway',
      '  target: istio-system/ingressgateway-asm',
      '  steps: [50%, { share: 10, bake: 5 minutes }]',
      '  setle: 10s',
    ].join('\n');
    const file = join(home, 'five.yaml');
    await writeFile(file, text);
    const before = await everything();
    const { code, stdout, stderr } = await sluice('start', '-f', file);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(home, '').split(': ').slice(0, 2).join(' ')),
    ).toEqual([
      '/five.yaml:1 apiVersion',
      '/five.yaml:3 metadata.name',
      '/five.yaml:7 spec.steps[1].bake',
      '/five.yaml:7 spec.steps[1].share',
      '/five.yaml:8 spec.setle',
    ]);
    // The same straight to the API, past the check of the command line.
    const answer = await post(text);
    expect(answer.status).toBe(422);
    const { problems } = (await answer.json()) as { readonly problems: readonly { readonly line: number }[] };
    expect(problems.map(({ line }) => line)).toEqual([1, 3, 7, 7, 8]);
    expect(await everything()).toEqual(before);
  }, 40_000);

  it('with the groups in use names the migration that has them, and writes nothing', async () => {
    const before = await everything();
    const file = await writeMigration(home, 'second', 'steps: [10%]');
    const refused = await sluice('start', '-f', file);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/is in use by migration first\n/);
    expect(await everything()).toEqual(before);
    expect((await sluice('get', 'second')).code).toBe(1);
  });

  it('with a file over 128 KB is wrong use, and 413 at the API', async () => {
    const file = join(home, 'large.yaml');
    const text = `# ${'x'.repeat(129 * 1024)}\n`;
    await writeFile(file, text);
    expect(await sluice('start', '-f', file)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is larger than 128 KB'),
    });
    expect((await post(text)).status).toBe(413);
  });

  it('with a name, a token, an option or the way to the server has an exit code of its own', async () => {
    const unknown = await sluice('get', 'nobody');
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('nobody') });
    const token = 'a-wrong-token-altogether';
    const wrongToken = await runCli(['list'], { ...environment(), SLUICE_TOKEN: token });
    expect(wrongToken).toMatchObject({ code: 1, stdout: '' });
    expect(wrongToken.stderr).not.toContain(token);
    expect((await sluice('list', '--output', 'xml')).code).toBe(2);
    expect((await sluice('frobnicate')).code).toBe(2);
    expect((await runCli(['list'], { HOME: home })).code).toBe(2);
    const down = await runCli(['list', '--server', `http://127.0.0.1:${await freePort()}`], environment());
    expect(down).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('ECONNREFUSED') });
  }, 40_000);

  it('has left the home folder as empty as it was', async () => {
    const ours = /^(sandbox\.json|(shop|five|large|gated|aborted|first|second)\.yaml)$/;
    expect((await readdir(home)).filter((name) => !ours.test(name))).toEqual([]);
  });
});

function post(text: string): Promise<Response> {
  const { url, token } = sandbox.description.functions;
  return fetch(`${url}/v1/migrations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/yaml' },
    body: text,
  });
}

/** Every object that Sluice may write with its version, the weights at the load balancer, and the names in the store. */
async function everything(): Promise<unknown> {
  const { ack, asm } = sandbox.description;
  const versions = async (kubeconfig: string, kinds: string): Promise<string> => {
    const path = '{range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}';
    const args = ['get', kinds, '-A', '-o', `jsonpath=${path}`];
    return (await run('kubectl', args, { env: { ...process.env, HOME: kubectlHome, KUBECONFIG: kubeconfig } })).stdout;
  };
  const { migrations } = await ask<{ migrations: readonly MigrationView[] }>('/v1/migrations');
  return {
    ack: await versions(ack.kubeconfig, 'services,configmaps'),
    asm: await versions(asm.kubeconfig, 'istiogateways'),
    weights: [await source(), await target()],
    migrations: migrations.map(({ name, state, run: id }) => [name, state, id]),
    histories: await Promise.all(migrations.map(({ name }) => ask(`/v1/migrations/${name}/history`))),
  };
}
