import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpProbe } from '../../../src/adapters/probes/http-probe.ts';
import { TerminalError } from '../../../src/ports/errors.ts';
import { aProbe, aService } from '../../fixtures/builders.ts';

const clock = { now: () => 0, sleep: async () => undefined };
const spec = aProbe({ host: 'shop.example.com:8443', port: 443 });
const curve = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

interface Authority {
  readonly private: string;
  readonly cert: string;
}

const servers: https.Server[] = [];
let ours: Authority;
let others: Authority;
let named: string | false | undefined;

beforeAll(async () => {
  const extensions = [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
  ] as const;
  const authority = (name: string) =>
    generate([{ name: 'commonName', value: name }], { ...curve, extensions: [...extensions] });
  [ours, others] = await Promise.all([authority('ours'), authority('others')]);
});

afterAll(async () => {
  for (const server of servers) {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
});

/** A pod with a certificate for this name by that authority. */
async function podWith(name: string, { private: key, cert }: Authority) {
  const names = /^[\d.]+$/.test(name) ? [{ type: 7, ip: name } as const] : [{ type: 2, value: name } as const];
  const pem = await generate([{ name: 'commonName', value: name }], {
    ...curve,
    ca: { key, cert },
    extensions: [{ name: 'subjectAltName', altNames: names }],
  });
  const server = https.createServer({ key: pem.private, cert: pem.cert }, (request, response) => {
    named = (request.socket as { servername?: string | false }).servername;
    response.end();
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const endpoints = [{ address: '127.0.0.1', node: null, targetPorts: { 80: 1, 443: port } }];
  return [{ ...aService('target', null, 1), endpoints, portNames: { 80: 'http2', 443: 'https' } }];
}

const probeThat = (trusts: 'any' | (() => string)) => httpProbe({ clock, allowLoopback: true, certificates: trusts });
const trustsOurs = () => probeThat(() => ours.cert);

describe('a probe of a port that speaks TLS', () => {
  it('names the host of the probe, and takes a certificate for it by a configured authority', async () => {
    const pod = await podWith('shop.example.com', ours);
    expect(await trustsOurs().ask(spec, pod)).toMatchObject({ isOk: true });
    expect(named).toBe('shop.example.com');
  });

  it('takes no certificate for another name, not even for the address of the pod', async () => {
    for (const name of ['somebody.else', '127.0.0.1']) {
      const { isOk, detail } = await trustsOurs().ask(spec, await podWith(name, ours));
      expect({ isOk, detail }).toEqual({
        isOk: false,
        detail: 'its certificate is not taken: ERR_TLS_CERT_ALTNAME_INVALID',
      });
    }
  });

  it('takes no certificate by anybody else', async () => {
    const pod = await podWith('shop.example.com', others);
    expect(await trustsOurs().ask(spec, pod)).toMatchObject({
      isOk: false,
      detail: expect.stringMatching(/^its certificate is not taken: UNABLE_TO_/),
    });
  });

  it('believes the authorities that Node knows, where nothing else is configured', async () => {
    const pod = await podWith('shop.example.com', ours);
    expect(await httpProbe({ clock, allowLoopback: true }).ask(spec, pod)).toMatchObject({ isOk: false });
  });

  it('takes any certificate where that was asked for', async () => {
    const pod = await podWith('somebody.else', others);
    expect(await probeThat('any').ask(spec, pod)).toMatchObject({ isOk: true });
  });

  it('checks a host that is an address as one, and names none', async () => {
    const byAddress = aProbe({ host: '10.1.2.3', port: 443 });
    expect(await trustsOurs().ask(byAddress, await podWith('10.1.2.3', ours))).toMatchObject({ isOk: true });
    expect(named).toBe(false);
    expect(await trustsOurs().ask(byAddress, await podWith('10.1.2.4', ours))).toMatchObject({ isOk: false });
  });

  it('is not good while the authorities cannot be read, and says why', async () => {
    const unreadable = (): string => {
      throw new TerminalError('cannot read file:/run/ca.pem: ENOENT');
    };
    const pod = await podWith('shop.example.com', ours);
    expect(await probeThat(unreadable).ask(spec, pod)).toEqual({
      isOk: false,
      detail: 'cannot read file:/run/ca.pem: ENOENT',
    });
  });
});
