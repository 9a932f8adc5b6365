import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startOrphanGuard } from '../../../src/sandbox/function-compute/orphan-guard.ts';
import { type Deployment, deploy, fc2, openWorkbench, until, type Workbench } from './fixtures.ts';

let workbench: Workbench;
let fc: Deployment | null = null;

const source = `
const { appendFileSync } = require('node:fs');
const beats = process.env.BEATS;
setInterval(() => appendFileSync(beats, '.'), 5);
exports.preStop = async () => { appendFileSync(beats, 'stopped'); };
exports.handler = async (event) => {
  const { waitMs = 0, fail = false } = JSON.parse(event.toString() || '{}');
  console.log('run ' + process.pid);
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  if (fail) throw new Error('asked to fail');
  return process.pid;
};`;

let file: string;

beforeAll(async () => {
  workbench = await openWorkbench();
  file = await workbench.file('beat', source);
});

afterEach(async () => {
  await fc?.stop();
  fc = null;
});

afterAll(() => workbench.clean());

const beatsFile = (): string => `${workbench.folder}/beats`;
const beats = async (): Promise<string> => readFile(beatsFile(), 'utf8').catch(() => '');
const config = () => ({ file, handler: 'beat.handler', timeoutS: 30, env: { BEATS: beatsFile() } });
const pidsOf = (deployment: Deployment): number[] =>
  deployment.host.logs('beat').flatMap((line) => (line.startsWith('run ') ? [Number(line.slice(4))] : []));

async function invoke(
  deployment: Deployment,
  input: object = {},
  headers = {},
): Promise<{ pid: number; error: string | null }> {
  const answer = await fc2(deployment.endpoint).post('/functions/beat/invocations', JSON.stringify(input), headers);
  const data = answer.data as { errorMessage?: string };
  return { pid: Number(answer.data), error: answer.headers['x-fc-error-type'] ? (data.errorMessage ?? '') : null };
}

async function processState(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tgone');
  return /State:\s+(\w+)/.exec(status)?.[1] ?? '';
}

describe('an instance between two requests', () => {
  it('is frozen: its timers stand still until the next request thaws it', async () => {
    fc = await deploy(workbench, { beat: config() });
    const { pid } = await invoke(fc);
    await until(async () => (await processState(pid)) === 'T');
    const before = await beats();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await beats()).toBe(before);
    expect((await invoke(fc, { waitMs: 50 })).pid).toBe(pid);
    expect((await beats()).length).toBeGreaterThan(before.length);
  });

  it('goes on when freezing is switched off', async () => {
    fc = await deploy(
      workbench,
      { beat: config() },
      { instances: { kind: 'process', program: workbench.program, freezes: false } },
    );
    const { pid } = await invoke(fc);
    const before = (await beats()).length;
    await until(async () => (await beats()).length > before + 3);
    expect(await processState(pid)).not.toBe('T');
  });

  it('is destroyed after its idle time, with preStop first', async () => {
    fc = await deploy(workbench, { beat: config() }, { idleMs: 100 });
    const { pid } = await invoke(fc);
    await until(async () => (await processState(pid)) === 'gone');
    expect(await beats()).toContain('stopped');
    expect(fc.host.states()).toEqual([{ name: 'beat', instances: 0, running: 0, queued: 0 }]);
  });

  it('is forgotten when it dies by itself, and the next request gets another', async () => {
    fc = await deploy(workbench, { beat: config() });
    const { pid } = await invoke(fc);
    process.kill(pid, 'SIGKILL');
    await until(() => fc?.host.states()[0]?.instances === 0);
    expect((await invoke(fc)).pid).not.toBe(pid);
  });
});

describe('the fault kill', () => {
  it('kills what runs when it is put', async () => {
    fc = await deploy(workbench, { beat: config() });
    const running = invoke(fc, { waitMs: 20_000 });
    const [pid = 0] = await until(() => fc !== null && pidsOf(fc).length > 0 && pidsOf(fc));
    fc.faults.put([{ where: 'functions', kind: 'kill', rate: 0 }]);
    expect((await running).error).toMatch(/^Process exited unexpectedly before completing request \(duration: /);
    expect(await processState(pid)).toBe('gone');
  });

  it('kills what waits frozen as well: no instance of before serves another request', async () => {
    fc = await deploy(workbench, { beat: config() });
    const { pid } = await invoke(fc);
    await until(async () => (await processState(pid)) === 'T');
    fc.faults.put([{ where: 'functions', kind: 'kill', rate: 0 }]);
    await until(async () => (await processState(pid)) === 'gone');
    expect((await invoke(fc)).pid).not.toBe(pid);
  });

  it('kills new runs in the middle while it is in force, and an event gets through afterwards', async () => {
    fc = await deploy(workbench, { beat: config() }, { speed: 20 });
    fc.faults.put([{ where: 'functions', kind: 'kill' }]);
    expect((await invoke(fc, { waitMs: 20_000 })).error).toContain('Process exited unexpectedly');
    await invoke(fc, { waitMs: 300 }, { 'x-fc-invocation-type': 'Async' });
    await until(() => fc !== null && pidsOf(fc).length >= 3);
    fc.faults.clear();
    const seen = pidsOf(fc).length;
    await until(() => fc !== null && (pidsOf(fc).length > seen || fc.host.states()[0]?.running === 1));
    await until(() => fc?.host.states()[0]?.running === 0 && fc.host.states()[0]?.queued === 0);
  });
});

describe('on the compressed clock', () => {
  it('timers, delays, retries and timeouts pass faster', async () => {
    const trigger = { timer: '@every 1m', payload: '' };
    fc = await deploy(workbench, { beat: { ...config(), trigger } }, { speed: 120 });
    await until(() => fc !== null && pidsOf(fc).length >= 3, 10_000);
    expect(new Set(pidsOf(fc)).size).toBe(1);
  });
});

describe('when it ends', () => {
  it('leaves no process, neither running nor frozen', async () => {
    fc = await deploy(workbench, { beat: config() });
    await invoke(fc);
    const running = invoke(fc, { waitMs: 20_000 }).catch(() => null);
    const frozen = invoke(fc).catch(() => null);
    await until(() => fc !== null && new Set(pidsOf(fc)).size === 2);
    await frozen;
    const pids = [...new Set(pidsOf(fc))];
    await fc.stop();
    await running;
    expect(await Promise.all(pids.map(processState))).toEqual(['gone', 'gone']);
    fc = null;
  });

  it('kills a frozen process also when this process could not clean up', async () => {
    const sleeper = spawn('sleep', ['600']);
    const kept = spawn('sleep', ['600']);
    const guard = startOrphanGuard();
    const pids = [sleeper.pid ?? 0, kept.pid ?? 0];
    for (const pid of pids) guard.watch(pid);
    guard.forget(kept.pid ?? 0);
    sleeper.kill('SIGSTOP');
    await until(async () => (await processState(sleeper.pid ?? 0)) === 'T');
    await guard.stop();
    await until(async () => (await processState(sleeper.pid ?? 0)) === 'gone');
    expect(await processState(kept.pid ?? 0)).toBe('S');
    kept.kill('SIGKILL');
  });
});

describe('inside this process', () => {
  const inline = { kind: 'inline' } as const;

  it('a handler runs, fails and times out with the same answers', async () => {
    const own = await workbench.file(
      'inline',
      `exports.initialize = async () => { globalThis.initialized = (globalThis.initialized ?? 0) + 1; };
       exports.handler = async (event, context) => {
         if (event.toString() === 'throw') throw new Error('no');
         if (event.toString() === 'hang') await new Promise(() => undefined);
         context.logger.info('inline');
         return { pid: process.pid, name: process.env.FC_FUNCTION_NAME };
       };`,
    );
    fc = await deploy(
      workbench,
      { beat: { file: own, handler: 'inline.handler', timeoutS: 1 } },
      { instances: inline },
    );
    const post = (body: string) => fc2(fc?.endpoint ?? '').post('/functions/beat/invocations', body);
    expect(JSON.parse(String((await post('x')).data))).toEqual({ pid: process.pid, name: 'beat' });
    expect((await post('throw')).data).toMatchObject({ errorMessage: 'no', errorType: 'Error' });
    expect((await post('hang')).data).toEqual({ errorMessage: 'Function timed out after 1 seconds' });
    expect(fc.host.logs('beat')).toContainEqual(expect.stringContaining('[info] inline'));
  });
});
