import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CloudCredentials } from '../../../src/adapters/clb/credentials.ts';
import { fcInvoker, taskId } from '../../../src/adapters/function-compute/invoker.ts';
import { TerminalError, TransientError } from '../../../src/ports/errors.ts';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import { type FunctionCompute, startFunctionCompute } from '../../../src/sandbox/function-compute/function-compute.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';

const account = {
  accountId: '123456',
  region: 'cn-hangzhou',
  credentials: { accessKeyId: 'STS.sandbox', accessKeySecret: 'secret-of-fc', securityToken: 'token-of-fc' },
};
const seen = globalThis as unknown as { stepEvents?: { event: unknown; atMs: number }[] };
let folder: string;
let faults: Faults;
let fc: FunctionCompute;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-invoker-'));
  await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }');
  const file = join(folder, 'step.js');
  await writeFile(
    file,
    'exports.handler = async (event) => { globalThis.stepEvents.push({ event: JSON.parse(event), atMs: Date.now() }); };',
  );
  const clock = sandboxClock(1);
  const random = seededRandom(3);
  faults = new Faults(random, clock.now);
  fc = await startFunctionCompute({
    functions: { step: { file, handler: 'step.handler', async: { task: true, maxRetries: 0 } } },
    account,
    clock,
    faults,
    random,
    instances: { kind: 'inline' },
  });
});
afterAll(async () => {
  await fc.stop();
  await rm(folder, { recursive: true });
});
afterEach(() => {
  faults.clear();
  seen.stepEvents = [];
});
seen.stepEvents = [];

const invoker = (
  changes: { endpoint?: string; functionName?: string; credentials?: CloudCredentials; timeoutMs?: number } = {},
) =>
  fcInvoker({
    accountId: account.accountId,
    region: account.region,
    endpoint: changes.endpoint ?? fc.endpoint,
    functionName: changes.functionName ?? 'step',
    credentials: () => changes.credentials ?? account.credentials,
    timeoutMs: changes.timeoutMs ?? 2_000,
  });
const events = () => (seen.stepEvents ?? []).map(({ event }) => event);
const failureOf = async (work: Promise<unknown>): Promise<Error> => {
  const error: unknown = await work.then(
    () => expect.unreachable('it did not fail'),
    (reason: unknown) => reason,
  );
  return error as Error;
};

describe('asking for one more invocation', () => {
  it('runs the function with the name of the migration', async () => {
    await invoker().invoke('shop', 'run1-1', 0);
    await expect.poll(events).toEqual([{ name: 'shop' }]);
  });

  it('with the same id twice is one invocation, and no error', async () => {
    await invoker().invoke('shop', 'run1-2', 0);
    await invoker().invoke('shop', 'run1-2', 0);
    await invoker().invoke('shop', 'run1-3', 0);
    await expect.poll(() => events().length).toBe(2);
  });

  it('later runs it not before', async () => {
    const askedAtMs = Date.now();
    await invoker().invoke('shop', 'run1-4', 700);
    await expect.poll(() => events().length, { timeout: 5_000 }).toBe(1);
    expect(seen.stepEvents?.[0]?.atMs).toBeGreaterThanOrEqual(askedAtMs + 700);
  });
});

describe('a Function Compute that fails', () => {
  it.each([429, 500, 503])('with %i may take it later', async (status) => {
    faults.put([{ where: 'functions', kind: 'error', status }]);
    const error = await failureOf(invoker().invoke('shop', `run2-${status}`, 0));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toBe(`invoke step: ${status}`);
  });

  it('once is asked again', async () => {
    faults.put([{ where: 'functions', kind: 'error', status: 503, rate: 0.4 }]);
    const asked = Array.from({ length: 10 }, (_, index) => invoker().invoke('shop', `run3-${index}`, 0));
    const accepted = (await Promise.allSettled(asked)).filter(({ status }) => status === 'fulfilled').length;
    expect(accepted).toBeGreaterThan(6);
    await expect.poll(() => events().length).toBe(accepted);
  });

  it('for good is told at once: an unknown function, a wrong key', async () => {
    const unknown = await failureOf(invoker({ functionName: 'nowhere' }).invoke('shop', 'x', 0));
    expect(unknown).toBeInstanceOf(TerminalError);
    expect(unknown.message).toBe('invoke nowhere: 404');
    const wrong = { ...account.credentials, accessKeySecret: 'wrong-secret' };
    const refused = await failureOf(invoker({ credentials: wrong }).invoke('shop', 'x', 0));
    expect(refused).toBeInstanceOf(TerminalError);
    const everything = JSON.stringify(refused, Object.getOwnPropertyNames(refused));
    expect(everything).not.toMatch(/wrong-secret|token-of-fc|STS\.sandbox/);
  });

  it('without a token for temporary credentials is told, not thrown as it is', async () => {
    const { accessKeyId, accessKeySecret } = account.credentials;
    const error = await failureOf(invoker({ credentials: { accessKeyId, accessKeySecret } }).invoke('shop', 'x', 0));
    expect(error).toBeInstanceOf(TerminalError);
  });

  it.each([
    ['closes the connection', (response: http.ServerResponse) => response.destroy()],
    ['never answers', () => undefined],
    [
      'answers with HTML',
      (response: http.ServerResponse) => response.writeHead(502, { 'content-type': 'text/html' }).end('<p>'),
    ],
    [
      'breaks off',
      (response: http.ServerResponse) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"a'),
    ],
    [
      'runs a function that fails',
      (response: http.ServerResponse) =>
        response.writeHead(200, { 'x-fc-error-type': 'UnhandledInvocationError' }).end(''),
    ],
  ])('that %s may take it later', async (_, respond) => {
    const server = http.createServer((__, response) => void respond(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const error = await failureOf(invoker({ endpoint, timeoutMs: 300 }).invoke('shop', 'x', 0));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/^invoke step: /);
    expect(error.message).not.toContain('127.0.0.1');
  });
});

describe('a task id', () => {
  it('is the id itself where the platform takes it', () => {
    expect(taskId('shop_r1-17')).toBe('shop_r1-17');
  });

  it.each(['1-starts-with-a-digit', 'has a space', 'ünï', 'x'.repeat(200), ''])('is made acceptable from %j', (id) => {
    expect(taskId(id)).toMatch(/^[A-Za-z_][A-Za-z0-9_-]{0,127}$/);
    expect(taskId(id)).toBe(taskId(id));
  });

  it('stays different for different ids', () => {
    const ids = ['a b', 'a_b', 'a-b', 'a.b', `${'x'.repeat(200)}1`, `${'x'.repeat(200)}2`];
    expect(new Set(ids.map(taskId)).size).toBe(ids.length);
  });
});
