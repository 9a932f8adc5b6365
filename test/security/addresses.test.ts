import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { mayReach, networksOf } from '../../src/adapters/addresses.ts';
import type { Resolve } from '../../src/adapters/notify/address.ts';
import { notifier } from '../../src/adapters/notify/notifier.ts';
import { httpProbe } from '../../src/adapters/probes/http-probe.ts';
import { TerminalError } from '../../src/ports/errors.ts';
import { aNotice, clockAt, type Receiver, startReceiver } from '../adapters/notify/receiver.ts';
import { aPath } from '../fixtures/builders.ts';
import { aService, clock, productpage } from './questions.ts';

const closings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

/** Every way that we know to write an address that hands out credentials, or means this machine or its link. */
const dangerous = [
  '169.254.169.254',
  '169.254.0.1',
  '100.100.100.200',
  '0.0.0.0',
  '0.1.2.3',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::a9fe:a9fe',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '::ffff:6464:64c8',
  '::ffff:0:6464:64c8',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::6464:64c8',
  '2002:a9fe:a9fe::1',
  '2001:0:a9fe:a9fe::1',
  'fe80::1',
  'fe80::1%lo',
  'fec0::1',
  'ff02::1',
  'fd00:ec2::254',
];
/** What is no address is never looked up by a probe. */
const written = [
  'metadata.internal',
  'localhost',
  '2852039166',
  '0xa9fea9fe',
  '0251.0376.0251.0376',
  '127.1',
  ' ::1',
  '',
];

describe('no request goes to', () => {
  it.each([...dangerous, ...written])('%j, even in the sandbox', (address) => {
    expect(mayReach(address, true)).toBe(false);
  });

  it.each(['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'])('%j in production', (address) => {
    expect([mayReach(address, true), mayReach(address, false)]).toEqual([true, false]);
  });

  it('a network that is not configured, where some are', () => {
    const pods = networksOf(['10.1.0.0/16', 'fd12:3456::/32', '192.168.7.7']);
    const asked = ['10.1.2.3', 'fd12:3456::9', '192.168.7.7', '::ffff:10.1.2.3'];
    const others = ['10.2.0.1', 'fd00::1', '192.168.7.8', '8.8.8.8', '::ffff:10.2.0.1'];
    expect(asked.filter((address) => !mayReach(address, false, pods))).toEqual([]);
    expect(others.filter((address) => mayReach(address, false, pods))).toEqual([]);
    const all = networksOf(['0.0.0.0/0', '::/0']);
    expect(dangerous.filter((address) => mayReach(address, false, all))).toEqual([]);
  });
});

describe('a probe', () => {
  it('asks an endpoint of the configured networks, and no other', async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.end();
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    closings.push(() => new Promise((closed) => server.close(closed)));
    const { port } = server.address() as AddressInfo;
    const within = (...networks: readonly string[]) =>
      httpProbe({ clock, allowLoopback: true, networks: networksOf(networks) }).ask(productpage, [
        aService('127.0.0.1', port),
      ]);
    expect(await within('127.0.0.0/24')).toMatchObject({ isOk: true });
    expect(await within('10.0.0.0/8')).toEqual({ isOk: false, detail: '127.0.0.1 is not an address that is probed' });
    expect(asked).toBe(1);
  });

  it.each(dangerous)('sends nothing to %s, whatever an EndpointSlice says', async (address) => {
    const probe = httpProbe({ clock, allowLoopback: true });
    const detail = `${address} is not an address that is probed`;
    expect(await probe.ask(productpage, [aService(address, 80)])).toEqual({ isOk: false, detail });
    expect(await probe.request(aPath(), aService(address, 80), 0)).toEqual({ failure: detail });
  });
});

describe('a channel', () => {
  async function receiver(status = 200, headers: Record<string, string> = {}): Promise<Receiver> {
    const started = await startReceiver((response) => response.writeHead(status, headers).end());
    closings.push(() => started.stop());
    return started;
  }
  const channelTo = (url: string, change: Partial<Parameters<typeof notifier>[0]> = {}) =>
    notifier({
      channels: { audit: { kind: 'webhook', url: () => url, secret: null } },
      clock: clockAt(0),
      isLoopbackAllowed: true,
      timeoutMs: 2_000,
      ...change,
    });
  /** A resolver that says something else each time, as the name server of an attacker does. */
  function changing(...answers: readonly (readonly string[])[]): { resolve: Resolve; asked: string[] } {
    const asked: string[] = [];
    const resolve: Resolve = (hostname, _, callback) => {
      const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? [];
      asked.push(hostname);
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    };
    return { resolve, asked };
  }

  it('goes to the address that was checked: its name is resolved once a request', async () => {
    const { url, received } = await receiver();
    const { resolve, asked } = changing(['127.0.0.1'], ['169.254.169.254']);
    const port = new URL(url).port;
    const channel = channelTo(`http://localhost:${port}/hook`, { resolve });
    await channel.post('audit', aNotice());
    expect(asked).toEqual(['localhost']);
    expect(received.map(({ headers }) => headers.host)).toEqual([`localhost:${port}`]);
    await expect(channel.post('audit', aNotice())).rejects.toThrow(/leads to this machine, its link/);
    expect(asked).toHaveLength(2);
    expect(received).toHaveLength(1);
  });

  it.each(dangerous.filter((address) => !address.includes('%')))(
    'is refused when its name leads to %s, alone or among others',
    async (address) => {
      for (const answer of [[address], ['203.0.113.7', address]]) {
        const { resolve } = changing(answer);
        const posted = channelTo('https://hooks.example.com/x', { resolve }).post('audit', aNotice());
        await expect(posted).rejects.toBeInstanceOf(TerminalError);
      }
    },
  );

  it.each([
    'https://2852039166/',
    'https://0xa9.0xfe.0xa9.0xfe/',
    'https://0251.0376.0251.0376/',
    'https://169.254.43518/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://169.254.169.254./',
  ])('is refused at %s, which is a metadata address in disguise', async (url) => {
    const { resolve, asked } = changing(['203.0.113.7']);
    await expect(channelTo(url, { resolve }).post('audit', aNotice())).rejects.toThrow(/leads to this machine/);
    expect(asked).toEqual([]);
  });

  it('follows no redirect, wherever it leads', async () => {
    const other = await receiver();
    const { url, received } = await receiver(307, { location: `${other.url}/latest/meta-data` });
    await expect(channelTo(`${url}/x`).post('audit', aNotice())).rejects.toThrow('channel audit: answered 307');
    expect([received.length, other.received.length]).toEqual([1, 0]);
  });

  it('is on one of the hosts that are named, where some are', async () => {
    const { url, received } = await receiver();
    await channelTo(`${url}/x`, { hosts: ['127.0.0.1'] }).post('audit', aNotice());
    expect(received).toHaveLength(1);
    const hosts = ['oapi.dingtalk.com', '*.example.com'];
    const { resolve, asked } = changing(['169.254.169.254']);
    for (const host of ['evil.com', 'example.com', 'xexample.com', 'oapi.dingtalk.com.evil.com']) {
      const posted = channelTo(`https://${host}/x`, { hosts, resolve }).post('audit', aNotice());
      await expect(posted).rejects.toThrow(/none of the hosts of SLUICE_CHANNEL_HOSTS/);
    }
    expect(asked).toEqual([]);
    for (const host of ['hooks.example.com', 'oapi.dingtalk.com']) {
      const posted = channelTo(`https://${host}/x`, { hosts, resolve }).post('audit', aNotice());
      await expect(posted).rejects.toThrow(/leads to this machine/);
    }
  });
});
