import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deployment, deploy, fc2, openWorkbench, until, type Workbench } from './fixtures.ts';

let workbench: Workbench;
let fc: Deployment;

const echo = `
exports.initialize = async (context) => { context.logger.info('initialized'); };
exports.handler = async (event, context) => {
  const text = event.toString();
  if (text === 'throw') throw new TypeError('no such gateway');
  if (text === 'exit') process.exit(3);
  if (text === 'hang') await new Promise((resolve) => setTimeout(resolve, 600000));
  if (text === 'bytes') return Buffer.from([0, 255, 1]);
  console.log('handled ' + text);
  return { text, isBuffer: Buffer.isBuffer(event), requestId: context.requestId, credentials: context.credentials,
    function: context.function, region: context.region, accountId: context.accountId, pid: process.pid,
    env: { own: process.env.OWN, name: process.env.FC_FUNCTION_NAME, key: process.env.ALIBABA_CLOUD_ACCESS_KEY_ID, home: process.env.VITEST } };
};`;

beforeAll(async () => {
  workbench = await openWorkbench();
  const file = await workbench.file('echo', echo);
  fc = await deploy(workbench, {
    echo: { file, handler: 'echo.handler', timeoutS: 2, memoryMb: 256, env: { OWN: 'mine' } },
    task: { file, handler: 'echo.handler', async: { task: true } },
    broken: { file: await workbench.file('broken', 'exports.other = 1;'), handler: 'broken.handler' },
  });
});

afterAll(async () => {
  await fc.stop();
  await workbench.clean();
});

const invoke = (name: string, body: string, headers?: Record<string, string>) =>
  fc2(fc.endpoint).post(`/functions/${name}/invocations`, body, headers);

async function rejection(work: Promise<unknown>): Promise<Error & { code?: string }> {
  return work.then(
    () => expect.unreachable('it should have been refused'),
    (error: Error & { code?: string }) => error,
  );
}

describe('a synchronous invocation by the fc2 client', () => {
  it('reaches the handler with the event as a Buffer and the context of the platform', async () => {
    const answer = await invoke('echo', 'hello');
    const body = JSON.parse(String(answer.data));
    expect(answer.headers['x-fc-error-type']).toBeUndefined();
    expect(body).toMatchObject({
      text: 'hello',
      isBuffer: true,
      requestId: answer.headers['x-fc-request-id'],
      credentials: { accessKeyId: 'LTAIsandbox', accessKeySecret: 'sandbox-secret' },
      function: { name: 'echo', handler: 'echo.handler', memory: 256, timeout: 2 },
      region: 'cn-hangzhou',
      accountId: '123456',
    });
  });

  it('gives a function its own environment and the platform words, and nothing of the machine', async () => {
    const { env } = JSON.parse(String((await invoke('echo', 'env')).data));
    expect(env).toEqual({ own: 'mine', name: 'echo', key: 'LTAIsandbox' });
  });

  it('hands bytes back as they are', async () => {
    const answer = await fc2(fc.endpoint).post('/functions/echo/invocations', 'bytes', {}, {}, { rawBuf: true });
    expect(answer.data).toEqual(Buffer.from([0, 255, 1]));
  });

  it('answers 200 with x-fc-error-type when the handler throws, and keeps the instance', async () => {
    const before = JSON.parse(String((await invoke('echo', 'a')).data));
    const answer = await invoke('echo', 'throw');
    expect(answer.headers['x-fc-error-type']).toBe('UnhandledInvocationError');
    expect(answer.data).toMatchObject({ errorMessage: 'no such gateway', errorType: 'TypeError' });
    expect(JSON.parse(String((await invoke('echo', 'b')).data)).pid).toBe(before.pid);
  });

  it('tells of a process that exited in the middle of a request', async () => {
    const answer = await invoke('echo', 'exit');
    expect(answer.headers['x-fc-error-type']).toBe('UnhandledInvocationError');
    expect(answer.data).toEqual({
      errorMessage: expect.stringMatching(
        /^Process exited unexpectedly before completing request \(duration: \d+ms, maxMemoryUsage: \d+MB\)$/,
      ),
    });
  });

  it('kills a run at the timeout of the function and starts a fresh instance for the next one', async () => {
    const before = JSON.parse(String((await invoke('echo', 'a')).data));
    const answer = await invoke('echo', 'hang');
    expect(answer.data).toEqual({ errorMessage: 'Function timed out after 2 seconds' });
    const after = JSON.parse(String((await invoke('echo', 'b')).data));
    expect(after.pid).not.toBe(before.pid);
    await until(() => isGone(before.pid));
  });

  it('tells of a file that exports no handler', async () => {
    const answer = await invoke('broken', '');
    expect(answer.data).toMatchObject({ errorMessage: expect.stringContaining("Handler 'handler' is missing") });
  });

  it('captures what the function prints, with the request id in lines of the logger', async () => {
    await invoke('echo', 'printed');
    await until(() => fc.host.logs('echo').includes('handled printed'));
    expect(fc.host.logs('echo')).toContainEqual(expect.stringMatching(/^\S+Z [0-9a-f-]{36} \[info\] initialized$/));
  });

  it('serves the path of the older API version as well', async () => {
    const client = fc2(fc.endpoint);
    client.version = '2016-08-15';
    const answer = await client.post('/services/sluice/functions/echo/invocations', 'old');
    expect(JSON.parse(String(answer.data)).text).toBe('old');
  });
});

describe('an asynchronous invocation by the fc2 client', () => {
  const asynchronous = { 'x-fc-invocation-type': 'Async' };

  it('is answered with a request id and an empty body, and runs', async () => {
    const answer = await invoke('echo', 'later', asynchronous);
    expect(answer.data).toBe('');
    expect(answer.headers['x-fc-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    await until(() => fc.host.logs('echo').includes('handled later'));
  });

  it('refuses a task id that was used before with 409, for this function only', async () => {
    const headers = { ...asynchronous, 'x-fc-async-task-id': 'mig_shop_1' };
    await invoke('task', 'one', headers);
    expect((await rejection(invoke('task', 'one', headers))).message).toContain('failed with 409');
    await invoke('echo', 'no task mode here', headers);
    await invoke('echo', 'no task mode here', headers);
  });

  it.each(['0', '3600', '-1', 'soon'])('refuses a delay of %s', async (delay) => {
    const error = await rejection(invoke('echo', '', { ...asynchronous, 'x-fc-async-delay': delay }));
    expect(error.message).toContain('failed with 400');
  });

  it('refuses an event over 128 KB', async () => {
    const error = await rejection(invoke('echo', 'x'.repeat(128 * 1024 + 1), asynchronous));
    expect(error.message).toContain('failed with 400');
  });
});

describe('the invocation API refuses', () => {
  it('a function that does not exist, with the error of the version that was asked', async () => {
    const old = fc2(fc.endpoint);
    old.version = '2016-08-15';
    expect((await rejection(old.post('/services/s/functions/none/invocations', ''))).code).toBe('FunctionNotFound');
    // The client looks for ErrorCode, which the newer API does not send: only the status in the message remains.
    const error = await rejection(invoke('none', ''));
    expect(error.code).toBeUndefined();
    expect(error.message).toContain('failed with 404');
  });

  it('a wrong secret and an unknown key with 403', async () => {
    const old = (keys: { id?: string; secret?: string }) => {
      const client = fc2(fc.endpoint, keys);
      client.version = '2016-08-15';
      return rejection(client.post('/services/s/functions/echo/invocations', 'x'));
    };
    expect((await old({ secret: 'other' })).code).toBe('SignatureNotMatch');
    expect((await old({ id: 'LTAIother' })).code).toBe('InvalidAccessKeyID');
  });

  it('a signed request whose body was changed on the way', async () => {
    const seen: { headers?: Record<string, string> } = {};
    const { createServer } = await import('node:http');
    const wire = createServer((request, response) => {
      seen.headers = request.headers as Record<string, string>;
      response.end();
    });
    await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
    const { port } = wire.address() as { port: number };
    await fc2(`http://127.0.0.1:${port}`).post('/functions/echo/invocations', 'true');
    wire.close();
    const { host: _, connection: __, 'content-length': ___, ...headers } = seen.headers ?? {};
    const send = (body: string) =>
      fetch(`${fc.endpoint}/2023-03-30/functions/echo/invocations`, { method: 'POST', headers, body });
    expect((await send('lies')).status).toBe(403);
    expect((await send('true')).status).toBe(200);
  });

  it('an unsigned request and an unknown path with 400', async () => {
    const answer = await fetch(`${fc.endpoint}/2023-03-30/functions/echo/invocations`, { method: 'POST' });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ Code: 'MissingRequiredHeader' });
    expect((await rejection(fc2(fc.endpoint).post('/functions/echo', ''))).message).toContain('failed with 400');
  });

  it('with the status of a fault while it is in force', async () => {
    fc.faults.put([{ where: 'functions', kind: 'error', status: 429 }]);
    expect((await rejection(invoke('echo', ''))).message).toContain('failed with 429');
    fc.faults.clear();
    expect(JSON.parse(String((await invoke('echo', 'again')).data)).text).toBe('again');
  });
});

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
