import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deployment, deploy, openWorkbench, until, type Workbench } from './fixtures.ts';

let workbench: Workbench;
let fc: Deployment;
let url: string;

const source = `
const answers = {
  '/plain': 'just text',
  '/json': { hello: 'you' },
  '/made': { statusCode: 201, headers: { 'X-Own': 'yes', 'x-fc-secret': 'no', 'set-cookie': ['a=1', 'b=2'] }, body: 'made' },
  '/bytes': { statusCode: 200, headers: { 'content-type': 'image/png' }, isBase64Encoded: true, body: Buffer.from([1, 0, 255]).toString('base64') },
  '/bad-status': { statusCode: 'twelve' },
  '/bad-body': { statusCode: 200, body: { a: 1 } },
  '/big-headers': { statusCode: 200, headers: { 'x-big': 'x'.repeat(9000) }, body: '' },
};
exports.handler = async (event) => {
  const { rawPath } = JSON.parse(event.toString());
  if (rawPath === '/throw') throw new Error('no luck');
  if (rawPath === '/log') console.log('logged');
  return answers[rawPath] ?? { statusCode: 200, headers: { 'content-type': 'application/json' }, body: event.toString() };
};`;

beforeAll(async () => {
  workbench = await openWorkbench();
  const file = await workbench.file('web', source);
  fc = await deploy(workbench, { web: { file, trigger: { http: {} } } });
  url = fc.urls['web'] ?? '';
});

afterAll(async () => {
  await fc.stop();
  await workbench.clean();
});

describe('an HTTP request to the URL of a function', () => {
  it('becomes the event of the platform', async () => {
    const answer = await fetch(`${url}/v1/mig%20rations?a=1&a=2&b=x%2Cy`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-sluice-token': 't', 'user-agent': 'test' },
      body: '{"ä":1}',
    });
    const event = (await answer.json()) as Record<string, unknown>;
    expect(event).toMatchObject({
      version: 'v1',
      rawPath: '/v1/mig%20rations',
      queryParameters: { a: '1,2', b: 'x,y' },
      headers: { 'Content-Type': 'application/json', 'X-Sluice-Token': 't', 'User-Agent': 'test' },
      body: '{"ä":1}',
      isBase64Encoded: false,
      requestContext: {
        accountId: '123456',
        timeEpoch: expect.stringMatching(/^\d{13}$/),
        http: {
          method: 'POST',
          path: '/v1/mig rations',
          protocol: 'HTTP/1.1',
          sourceIp: '127.0.0.1',
          userAgent: 'test',
        },
      },
    });
  });

  it('carries a body that is not text in base64', async () => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: Buffer.from([1, 0, 255]),
    });
    expect(await answer.json()).toMatchObject({ body: 'AQD/', isBase64Encoded: true });
  });

  it('joins header lines of one name by commas', async () => {
    const event = await new Promise<string>((resolve, reject) => {
      const sent = request(url, { headers: { 'x-two': ['a', 'b'] } }, (answer) => {
        answer.setEncoding('utf8');
        let text = '';
        answer.on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => resolve(text));
      });
      sent.on('error', reject);
      sent.end();
    });
    expect(JSON.parse(event).headers['X-Two']).toBe('a, b');
  });

  it("gets what the handler answers: status, headers without the platform's own, body", async () => {
    const answer = await fetch(`${url}/made`);
    expect([
      answer.status,
      answer.headers.get('x-own'),
      answer.headers.get('x-fc-secret'),
      await answer.text(),
    ]).toEqual([201, 'yes', null, 'made']);
  });

  it('gets bytes, and 200 with the value itself where the handler names no status', async () => {
    expect([...new Uint8Array(await (await fetch(`${url}/bytes`)).arrayBuffer())]).toEqual([1, 0, 255]);
    expect(await (await fetch(`${url}/plain`)).text()).toBe('just text');
    const json = await fetch(`${url}/json`);
    expect([json.status, json.headers.get('content-type'), await json.json()]).toEqual([
      200,
      'application/json',
      { hello: 'you' },
    ]);
  });

  it.each(['/bad-status', '/bad-body', '/big-headers'])('gets 502 BadResponse for %s', async (path) => {
    const answer = await fetch(`${url}${path}`);
    expect([answer.status, await answer.json()]).toEqual([502, expect.objectContaining({ ErrorCode: 'BadResponse' })]);
  });

  it('gets 502 and the type of the error when the handler throws', async () => {
    const answer = await fetch(`${url}/throw`);
    expect([answer.status, answer.headers.get('x-fc-error-type')]).toEqual([502, 'UnhandledInvocationError']);
    expect(await answer.json()).toMatchObject({ errorMessage: 'no luck' });
  });

  it('is refused with 400 over the limits of headers and path', async () => {
    expect((await fetch(url, { headers: { 'x-big': 'x'.repeat(9000) } })).status).toBe(400);
    expect((await fetch(`${url}/${'x'.repeat(5000)}`)).status).toBe(400);
  });

  it('can be asynchronous', async () => {
    const answer = await fetch(`${url}/log`, { headers: { 'x-fc-invocation-type': 'Async' } });
    expect([answer.status, await answer.text()]).toEqual([202, '']);
    await until(() => fc.host.logs('web').includes('logged'));
  });

  it("gets the status of a fault, named as the service's own error", async () => {
    fc.faults.put([{ where: 'functions', kind: 'error', status: 500 }]);
    const answer = await fetch(url);
    fc.faults.clear();
    expect([answer.status, answer.headers.get('x-fc-error-type')]).toEqual([500, 'FcCommonError']);
  });
});
