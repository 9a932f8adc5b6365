import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetesClients } from '../../src/adapters/kubernetes/clients.ts';
import { readTree, withoutComments } from '../tree.ts';

const run = promisify(execFile);
const program = fileURLToPath(new URL('tls-client.ts', import.meta.url));
const clients = ['kubernetes', 'clb', 'invoker', 'webhook', 'redis'] as const;
const key = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

interface Listening {
  readonly port: number;
  /** What arrived after the handshake: nothing, where the client refused. */
  readonly heard: () => string;
}

let folder: string;
let authority: { readonly private: string; readonly cert: string };
const servers: (Server | TcpServer)[] = [];
const sockets = new Set<{ destroy(): void }>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-tls-'));
  const extensions = [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
  ] as const;
  authority = await generate([{ name: 'commonName', value: 'an authority of ours' }], {
    ...key,
    extensions: [...extensions],
  });
  await writeFile(join(folder, 'ca.pem'), authority.cert);
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  await rm(folder, { recursive: true, force: true });
});

/** A server for an address, with a certificate for `ip` that our authority signed, or that signed itself. */
async function serverWith(change: { ip?: string; isExpired?: boolean; isOwn?: boolean }): Promise<Listening> {
  const { ip = '127.0.0.1', isExpired = false, isOwn = false } = change;
  const pem = await generate([{ name: 'commonName', value: ip }], {
    ...key,
    ...(isOwn ? {} : { ca: { key: authority.private, cert: authority.cert } }),
    notBeforeDate: new Date('2020-01-01T00:00:00Z'),
    notAfterDate: new Date(isExpired ? '2021-01-01T00:00:00Z' : '2099-01-01T00:00:00Z'),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip }] }],
  });
  let text = '';
  const server = createServer({ key: pem.private, cert: pem.cert }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      text += data.toString('utf8');
      // Enough for Redis, and for HTTP a refusal that ends every client's attempts.
      socket.end(/^\*/.test(text) ? '-NOPERM not here\r\n' : 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    });
  });
  server.on('tlsClientError', () => undefined);
  return { port: await listening(server), heard: () => text };
}

async function plainServer(): Promise<Listening> {
  let text = '';
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      text += data.toString('latin1');
      socket.end('HTTP/1.1 200 OK\r\n\r\n');
    });
  });
  return { port: await listening(server), heard: () => text };
}

async function listening(server: Server | TcpServer): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Each client at a server of its own: what it told, and what its server heard. */
async function hellos(start: () => Promise<Listening>): Promise<readonly (readonly [string, string, string])[]> {
  const started = await Promise.all(clients.map(async (client) => [client, await start()] as const));
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') };
  const pairs = started.map(([client, { port }]) => `${client}=${port}`);
  const args = ['--import', 'tsx', program, ...pairs];
  const { stdout, stderr } = await run(process.execPath, args, { env, timeout: 50_000 });
  expect(stdout + stderr).not.toMatch(/canary/);
  const told = JSON.parse(stdout) as Record<string, string | null>;
  return started.map(([client, { heard }]) => [client, String(told[client]), heard()] as const);
}

describe('Kubernetes, the CLB, the invoker, webhooks and Redis', () => {
  it.each([
    ['whose certificate is for another address', { ip: '127.0.0.2' }, /ALTNAME|does not match/i],
    ['whose certificate has run out', { isExpired: true }, /EXPIRED|has expired/i],
    ['that nobody vouches for', { isOwn: true }, /SELF_SIGNED|self-signed|VERIFY/i],
  ])('are told nothing at a server %s', async (_, change, reason) => {
    for (const [client, told, heard] of await hellos(() => serverWith(change))) {
      expect([client, told]).toEqual([client, expect.stringMatching(reason)]);
      expect([client, heard]).toEqual([client, '']);
    }
  });

  it('are told nothing at a server that does not speak TLS', async () => {
    for (const [client, told, heard] of await hellos(plainServer)) {
      expect([client, told]).not.toEqual([client, 'null']);
      expect([client, heard]).toEqual([client, expect.not.stringMatching(/canary|GET|POST|AUTH/)]);
    }
  });

  it('are told something at a server with a good certificate', async () => {
    for (const [client, told, heard] of await hellos(() => serverWith({}))) {
      expect([client, told]).toEqual([client, expect.not.stringMatching(/ALTNAME|EXPIRED|SELF_SIGNED|certificate/i)]);
      expect([client, heard]).not.toEqual([client, '']);
    }
  });
});

describe('a kubeconfig', () => {
  it.each([
    ['https://10.0.0.1:6443', true, /it has insecure-skip-tls-verify/],
    ['http://10.0.0.1:8080', false, /its server must begin with https:/],
    ['ftp://127.0.0.1/', false, /its server must begin with https:/],
    ['not a URL', false, /is no URL/],
  ])(
    'with server %s and insecure-skip-tls-verify %s is refused before anything is sent',
    async (server, skips, why) => {
      const cluster = { server, 'insecure-skip-tls-verify': skips };
      const text = JSON.stringify({
        clusters: [{ name: 'a', cluster }],
        users: [{ name: 'u', user: { token: 'canary-token' } }],
        contexts: [{ name: 'a', context: { cluster: 'a', user: 'u' } }],
        'current-context': 'a',
      });
      const clients = kubernetesClients({
        clusters: { ack: { id: 'c1', kubeconfig: 'env:TEXT' } },
        meshes: {},
        clock: { now: () => 0, sleep: () => Promise.resolve() },
        env: { TEXT: text },
      });
      const attempt = { verb: 'list', resource: 'nodes', namespace: null } as const;
      await expect(clients.cluster('ack').ask(attempt, (api) => api.core.listNode())).rejects.toThrow(why);
    },
  );
});

describe('checking certificates', () => {
  it('is turned off nowhere in the product, but for probes where the installation says so', () => {
    const files = [...readTree('.ts')].filter(([path]) => /^(?:src|functions|state-machines)\//.test(path));
    const offs = files
      .filter(([, source]) =>
        /rejectUnauthorized|NODE_TLS_REJECT|checkServerIdentity|skipTLSVerify\s*[:=]/.test(withoutComments(source)),
      )
      .map(([path]) => path)
      .filter((path) => !path.startsWith('src/sandbox/'));
    expect(offs).toEqual(['src/adapters/probes/exchange.ts', 'src/config.ts']);
  });
});
