import http from 'node:http';
import { describe, expect, it } from 'vitest';
import { networksOf } from '../../../src/adapters/addresses.ts';
import { type HttpProbeOptions, httpProbe } from '../../../src/adapters/probes/http-probe.ts';
import type { EntryQuestion } from '../../../src/ports/probe.ts';
import { closeServersAfterEach, listen } from './servers.ts';

closeServersAfterEach();

const clock = { now: () => 0, sleep: () => Promise.resolve() };
const enter = (question: Partial<EntryQuestion>, options: Partial<HttpProbeOptions> = {}) =>
  httpProbe({ clock, allowLoopback: true, ...options }).enter({
    loadBalancer: 'lb-public',
    address: '127.0.0.1',
    port: 80,
    isTls: false,
    host: 'shop.example.com',
    path: '/productpage',
    status: 200,
    timeoutMs: 300,
    ...question,
  });

describe('an entry', () => {
  it('is asked at the address and port of its listener, under the name that clients use', async () => {
    let asked: http.IncomingMessage | undefined;
    const port = await listen(
      http.createServer((request, response) => {
        asked = request;
        response.end();
      }),
    );
    expect(await enter({ port })).toEqual({ isOk: true, detail: '200 in 0 ms' });
    expect([asked?.url, asked?.headers.host]).toEqual(['/productpage', 'shop.example.com']);
  });

  it('does not answer well with another status, or not at all', async () => {
    const failing = await listen(http.createServer((_, response) => response.writeHead(503).end()));
    expect(await enter({ port: failing })).toEqual({ isOk: false, detail: '503, not 200' });
    expect(await enter({ port: failing, status: null })).toEqual({ isOk: false, detail: '503, not below 500' });
    const silent = await listen(http.createServer(() => undefined));
    expect(await enter({ port: silent })).toEqual({ isOk: false, detail: 'no answer within 300 ms' });
  });

  it('is not asked where its address is none that may be probed', async () => {
    const answer = (address: string) => ({ isOk: null, detail: `${address} is not an address that is probed` });
    for (const address of ['169.254.169.254', '100.100.100.200'])
      expect(await enter({ address })).toEqual(answer(address));
    expect(await enter({}, { networks: networksOf(['10.0.0.0/8']) })).toEqual(answer('127.0.0.1'));
    expect(await enter({ address: '' })).toMatchObject({ isOk: null });
  });

  it('is where the table of a sandbox has it, and is never asked at an address that leads out of it', async () => {
    const port = await listen(http.createServer((_, response) => response.end()));
    const entries = { 'lb-public': { 80: `http://127.0.0.1:${port}` } };
    expect(await enter({ address: '198.51.100.10' }, { entries })).toMatchObject({ isOk: true });
    const unknown = { isOk: null, detail: 'where its entry is, is not known here' };
    expect(await enter({ address: '198.51.100.10', port: 443 }, { entries })).toEqual(unknown);
    expect(await enter({ address: '198.51.100.10' }, { entries: {} })).toEqual(unknown);
  });
});
