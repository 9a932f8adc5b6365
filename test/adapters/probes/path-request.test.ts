import http from 'node:http';
import https from 'node:https';
import { generate } from 'selfsigned';
import { describe, expect, it } from 'vitest';
import { httpProbe } from '../../../src/adapters/probes/http-probe.ts';
import { aPath, aServiceAt } from '../../fixtures/builders.ts';
import { closeServersAfterEach, listen, twoPods, writeOn } from './servers.ts';

closeServersAfterEach();

let nowMs = 0;
const clock = { now: () => nowMs, sleep: () => Promise.resolve() };
const probe = httpProbe({ clock, allowLoopback: true });
const pod = (port: number) => ({ address: '127.0.0.1', node: null, targetPorts: { 80: port } });

describe('the request for a path', () => {
  it('tells the status, the chosen headers and how long it took, and follows no redirect', async () => {
    const port = await listen(
      http.createServer((request, response) => {
        nowMs += 7;
        response.writeHead(302, { Location: `/at${request.url}`, 'X-Other': 'x' }).end('moved');
      }),
    );
    expect(await probe.request(aPath({ path: '/cart?id=1' }), aServiceAt([pod(port)]), 0)).toEqual({
      status: 302,
      headers: { 'content-type': null, location: '/at/cart?id=1' },
      bodyHash: null,
      ms: 7,
    });
  });

  it('knows bodies that differ from bodies that do not', async () => {
    const port = await listen(http.createServer(({ url }, response) => void response.end(url === '/b' ? 'b' : 'a')));
    const hashOf = async (path: string) => {
      const answer = await probe.request(aPath({ path, comparesBody: true }), aServiceAt([pod(port)]), 0);
      return 'failure' in answer ? answer.failure : answer.bodyHash;
    };
    expect(await hashOf('/a')).toBe(await hashOf('/aa'));
    expect(await hashOf('/a')).not.toBe(await hashOf('/b'));
  });

  it('asks another pod at each turn', async () => {
    const { pods, asked } = await twoPods();
    for (const turn of [0, 1, 2]) await probe.request(aPath(), aServiceAt(pods), turn);
    expect(asked).toEqual(['127.0.0.2', '127.0.0.3', '127.0.0.2']);
  });

  it('speaks TLS where the URL says so, and names the host without its port', async () => {
    const pem = await generate([{ name: 'commonName', value: 'somebody.else' }], { keyType: 'ec' });
    let named: string | false | undefined;
    const server = https.createServer({ key: pem.private, cert: pem.cert }, (request, response) => {
      named = (request.socket as { servername?: string | false }).servername;
      response.end(request.headers.host);
    });
    const port = await listen(server);
    const path = aPath({ isTls: true, host: 'shop.example.com:80' });
    const failure = expect.stringMatching(/^its certificate is not taken: /);
    expect(await probe.request(path, aServiceAt([pod(port)]), 0)).toEqual({ failure });
    const trusting = httpProbe({ clock, allowLoopback: true, certificates: 'any' });
    expect(await trusting.request(path, aServiceAt([pod(port)]), 0)).toMatchObject({ status: 200 });
    expect(named).toBe('shop.example.com');
  });

  it('says why there is no answer, and never throws', async () => {
    const silent = await listen(http.createServer(() => undefined));
    const late = aPath({ timeoutMs: 200 });
    expect(await probe.request(late, aServiceAt([pod(silent)]), 0)).toEqual({ failure: 'none within 200 ms' });
    expect(await probe.request(aPath(), aServiceAt([]), 0)).toEqual({ failure: 'no ready endpoint for port 80' });
    const split = aPath({ host: 'a\r\nX: 1' });
    expect(await probe.request(split, aServiceAt([pod(silent)]), 0)).toMatchObject({ failure: expect.any(String) });
  });

  it('keeps neither a body without end nor a header without end', async () => {
    const port = await listen(
      http.createServer((_, response) => {
        writeOn(response.writeHead(200, { 'content-type': 'x'.repeat(8_000) }));
      }),
    );
    const answer = await probe.request(aPath({ timeoutMs: 10_000 }), aServiceAt([pod(port)]), 0);
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'x'.repeat(120) } });
  });
});
