import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { clbClient } from '../../../src/adapters/clb/clb-client.ts';
import type { CloudCredentials } from '../../../src/adapters/clb/credentials.ts';
import { systemClock } from '../../../src/adapters/system-clock.ts';
import { TerminalError, TransientError } from '../../../src/ports/errors.ts';
import { type Cloud, type CloudOptions, credentials, startCloud } from './cloud.ts';

const started: { stop(): Promise<void> }[] = [];
const start = async (options: CloudOptions = {}): Promise<Cloud> => {
  const cloud = await startCloud(options);
  started.push(cloud);
  return cloud;
};
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});

const failureOf = async (work: Promise<unknown>): Promise<Error> => {
  const error: unknown = await work.then(
    () => expect.unreachable('it did not fail'),
    (reason: unknown) => reason,
  );
  return error as Error;
};
const describeGroup = (cloud: Cloud) => cloud.client.describeVServerGroupAttribute('rsp-pub-80');

describe('a CLB that has no time', () => {
  it.each([
    [429, 'Throttling.User'],
    [409, 'BackendServer.configuring'],
    [449, 'SystemBusy'],
    [503, 'ServiceUnavailable'],
    [500, 'InternalError'],
  ])('with %i may have some later', async (status, code) => {
    const cloud = await start();
    cloud.faults.put([{ where: 'clb', kind: 'error', status }]);
    const error = await failureOf(describeGroup(cloud));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(new RegExp(`^DescribeVServerGroupAttribute \\(rsp-pub-80\\): ${code}, request `));
  });

  it('is asked again, so that a throttled call mostly succeeds', async () => {
    const cloud = await start();
    cloud.faults.put([{ where: 'clb', kind: 'error', status: 429, rate: 0.4 }]);
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => describeGroup(cloud)));
    const succeeded = answers.filter(({ status }) => status === 'fulfilled').length;
    expect(succeeded).toBeGreaterThan(14);
  });

  it('is asked three times and then no more', async () => {
    const { port, hits } = await listen((_, response) =>
      response
        .writeHead(503, { 'content-type': 'application/json' })
        .end('{"Code":"ServiceUnavailable","Message":"busy"}'),
    );
    await failureOf(clientAt(`127.0.0.1:${port}`).describeVServerGroupAttribute('rsp-1'));
    expect(hits()).toBe(3);
  });

  it('is not waited for longer than it asks in vain', async () => {
    const { port, hits } = await listen((_, response) =>
      response
        .writeHead(429, { 'content-type': 'application/json', 'x-acs-retry-after': '30000' })
        .end('{"Code":"Throttling.User","Message":"slow down"}'),
    );
    const error = await failureOf(clientAt(`127.0.0.1:${port}`).describeVServerGroupAttribute('rsp-1'));
    expect(error).toMatchObject({ code: 'transient', retryAfterMs: 30_000 });
    expect(hits()).toBe(1);
  });
});

describe('a CLB that cannot be reached', () => {
  it.each(['drop', 'stall'] as const)('by a %s may be reached later', async (kind) => {
    const cloud = await start({ timeoutMs: 400 });
    cloud.faults.put([{ where: 'clb', kind }]);
    const error = await failureOf(describeGroup(cloud));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).not.toContain(cloud.endpoint);
  });

  it('is asked again over a new connection after a thaw', async () => {
    const cloud = await start();
    await describeGroup(cloud);
    cloud.faults.put([{ where: 'clb', kind: 'drop', rate: 0.5 }]);
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => describeGroup(cloud)));
    expect(answers.some(({ status }) => status === 'fulfilled')).toBe(true);
    cloud.faults.clear();
    expect((await describeGroup(cloud)).VServerGroupId).toBe('rsp-pub-80');
  });

  it.each([
    [
      'HTML with 502',
      (response: http.ServerResponse) => response.writeHead(502, { 'content-type': 'text/html' }).end('<p>'),
    ],
    [
      'HTML with 200',
      (response: http.ServerResponse) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    ],
    ['half a body', (response: http.ServerResponse) => response.writeHead(200).end('{"VServerGroupId":"rsp-1","Back')],
    [
      'a body without its list',
      (response: http.ServerResponse) => response.writeHead(200).end('{"VServerGroupId":"rsp-1"}'),
    ],
    ['a body that never ends', (response: http.ServerResponse) => void response.writeHead(200).write('{')],
    [
      'a body that breaks off',
      (response: http.ServerResponse) => {
        response.writeHead(200, { 'content-length': 100 }).write('{"');
        setTimeout(() => response.destroy(), 20);
      },
    ],
  ])('%s may be whole later', async (_, respond) => {
    const { port } = await listen((__, response) => void respond(response));
    const error = await failureOf(clientAt(`127.0.0.1:${port}`, 400).describeVServerGroupAttribute('rsp-1'));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain('DescribeVServerGroupAttribute (rsp-1)');
  });
});

describe('a CLB that refuses', () => {
  it('is not asked again', async () => {
    const cloud = await start();
    const error = await failureOf(cloud.client.describeVServerGroupAttribute('rsp-nowhere'));
    expect(error).toBeInstanceOf(TerminalError);
    expect(cloud.asked).toHaveLength(1);
  });

  it.each([
    ['an unknown key', { ...credentials, accessKeyId: 'LTAI-unknown' }, 'InvalidAccessKeyId.NotFound'],
    ['a wrong secret', { ...credentials, accessKeySecret: 'wrong-secret' }, 'SignatureDoesNotMatch'],
  ])('%s is told by its code, and nothing of the key', async (_, used, code) => {
    const cloud = await start({ credentials: () => used });
    const error = await failureOf(describeGroup(cloud));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toContain(code);
    const everything = JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error.cause);
    for (const secret of [used.accessKeyId, used.accessKeySecret]) expect(everything).not.toContain(secret);
  });
});

describe('temporary credentials', () => {
  const fresh = { accessKeyId: 'STS.new', accessKeySecret: 'secret-new', securityToken: 'token-new' };
  const stale = { accessKeyId: 'STS.old', accessKeySecret: 'secret-old', securityToken: 'token-old' };

  it('that ran out are fetched anew, once', async () => {
    const handed: CloudCredentials[] = [stale, fresh];
    const cloud = await start({
      accepted: [{ ...stale, expiresAtMs: Date.now() - 1000 }, fresh],
      credentials: () => handed.shift() ?? fresh,
    });
    expect((await describeGroup(cloud)).VServerGroupId).toBe('rsp-pub-80');
  });

  it('that stay expired are refused for good, without the token', async () => {
    const cloud = await start({ accepted: [{ ...stale, expiresAtMs: Date.now() - 1000 }], credentials: () => stale });
    const error = await failureOf(describeGroup(cloud));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toContain('InvalidSecurityToken.Expired');
    expect(error.message).not.toMatch(/token-old|secret-old|STS\.old/);
  });
});

async function listen(respond: (request: http.IncomingMessage, response: http.ServerResponse) => void) {
  let hits = 0;
  const server = http.createServer((request, response) => {
    hits += 1;
    respond(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  started.push({
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return { port: (server.address() as AddressInfo).port, hits: () => hits };
}

function clientAt(endpoint: string, timeoutMs = 5_000) {
  return clbClient({
    region: 'cn-hangzhou',
    endpoint,
    protocol: 'http',
    credentials: () => credentials,
    clock: systemClock(),
    timeoutMs,
  });
}
