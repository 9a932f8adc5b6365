import http from 'node:http';
import { describe, expect, it } from 'vitest';
import { mayReach as mayAsk } from '../../../src/adapters/addresses.ts';
import { httpProbe } from '../../../src/adapters/probes/http-probe.ts';
import { aProbe, aServiceAt } from '../../fixtures/builders.ts';
import { closeServersAfterEach, listen, twoPods, writeOn } from './servers.ts';

closeServersAfterEach();

const spec = aProbe({ path: '/productpage?u=normal', timeoutMs: 300 });

let nowMs = 0;
const clock = { now: () => nowMs, sleep: () => Promise.resolve() };
const probe = httpProbe({ clock, allowLoopback: true });
const at = (port: number) => aServiceAt([{ address: '127.0.0.1', node: null, targetPorts: { 80: port } }]);

describe('a probe', () => {
  it('asks a pod for the host and the path, as sluice-probe, over a connection of its own', async () => {
    let asked: http.IncomingMessage | undefined;
    const port = await listen(
      http.createServer((request, response) => {
        asked = request;
        response.end('hello');
      }),
    );
    expect(await probe.ask(spec, [at(port)])).toEqual({ isOk: true, detail: '200 in 0 ms', ms: 0 });
    expect(asked).toMatchObject({ method: 'GET', url: '/productpage?u=normal' });
    expect(asked?.headers).toMatchObject({
      host: 'shop.example.com',
      'user-agent': 'sluice-probe/1',
      connection: 'close',
    });
  });

  it('fails on another status, and follows no redirect', async () => {
    const port = await listen(http.createServer((_, response) => response.writeHead(302, { location: '/' }).end()));
    expect(await probe.ask(spec, [at(port)])).toEqual({ isOk: false, detail: '302, not 200', ms: 0 });
    expect(await probe.ask({ ...spec, status: 302 }, [at(port)])).toMatchObject({ isOk: true });
  });

  it('fails where nothing listens, nothing answers, or the answer does not end', async () => {
    const server = http.createServer();
    const closed = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await probe.ask(spec, [at(closed)])).toEqual({ isOk: false, detail: 'ECONNREFUSED' });
    const silent = await listen(http.createServer(() => undefined));
    expect(await probe.ask(spec, [at(silent)])).toEqual({ isOk: false, detail: 'no answer within 300 ms' });
    const hanging = await listen(http.createServer((_, response) => void response.writeHead(200).write('half')));
    expect(await probe.ask(spec, [at(hanging)])).toEqual({ isOk: false, detail: 'no answer within 300 ms' });
  });

  it('does not read a body without end', async () => {
    const port = await listen(
      http.createServer((_, response) => {
        writeOn(response.writeHead(200));
      }),
    );
    expect(await probe.ask({ ...spec, timeoutMs: 10_000 }, [at(port)])).toMatchObject({ isOk: true });
  });

  it('asks one ready pod after the other', async () => {
    const { pods, asked } = await twoPods();
    const both = aServiceAt(pods);
    for (nowMs of [0, 5_000, 10_000, 15_000]) await probe.ask(spec, [both]);
    expect(asked).toEqual(['127.0.0.2', '127.0.0.3', '127.0.0.2', '127.0.0.3']);
    asked.length = 0;
    for (const turn of [6, 7, 8]) await probe.ask(spec, [both], turn);
    expect(asked).toEqual(['127.0.0.2', '127.0.0.3', '127.0.0.2']);
  });

  it('is good only where every Service answers, and says which one does not', async () => {
    const port = await listen(http.createServer((_, response) => response.end()));
    const empty = { ...aServiceAt([]), cluster: 'second' };
    expect(await probe.ask(spec, [at(port), empty])).toMatchObject({
      isOk: false,
      detail: expect.stringMatching(
        /^ack\/istio-ingressgateway: 200 in \d+ ms; second\/istio-ingressgateway: no ready endpoint$/,
      ),
    });
  });

  it('fails without a Service, an endpoint or the port', async () => {
    expect(await probe.ask(spec, [])).toMatchObject({ isOk: false });
    expect(await probe.ask(spec, [aServiceAt([])])).toEqual({ isOk: false, detail: 'no ready endpoint' });
    expect(await probe.ask({ ...spec, port: 8443 }, [at(1)])).toEqual({ isOk: false, detail: 'no ready endpoint' });
  });

  it('fails on a host or path that no request can carry, and does not throw', async () => {
    const port = await listen(http.createServer((_, response) => response.end()));
    expect(await probe.ask({ ...spec, host: 'a\r\nX: 1' }, [at(port)])).toMatchObject({ isOk: false });
    expect(await probe.ask({ ...spec, path: '/a b\n' }, [at(port)])).toMatchObject({ isOk: false });
  });
});

describe('where a probe goes', () => {
  it.each([
    '169.254.169.254',
    '100.100.100.200',
    '0.0.0.0',
    '::ffff:169.254.169.254',
    '::ffff:100.100.100.200',
    '::ffff:6464:64c8',
    'fe80::1',
    'fd00:ec2::254',
    '::',
    'metadata.internal',
    '2130706433',
    '0x7f.1',
    '',
  ])('is never %j', (address) => {
    expect(mayAsk(address, true)).toBe(false);
  });

  it.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])('is %j in the sandbox only', (address) => {
    expect(mayAsk(address, true)).toBe(true);
    expect(mayAsk(address, false)).toBe(false);
  });

  it.each(['10.0.1.1', '192.168.3.4', '172.16.0.9', '100.64.0.1', 'fd12::1'])('may be %j', (address) => {
    expect(mayAsk(address, false)).toBe(true);
  });

  it('is not loopback unless told, even where an EndpointSlice says so', async () => {
    const strict = httpProbe({ clock });
    expect(await strict.ask(spec, [at(80)])).toEqual({
      isOk: false,
      detail: '127.0.0.1 is not an address that is probed',
    });
  });
});
