import { mkdtemp, rm } from 'node:fs/promises';
import { type Agent, get as httpGet, type IncomingHttpHeaders } from 'node:http';
import { get as httpsGet } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type ClbBackend, type Listener, listenerOf, loadBalancerOf } from '../../../src/sandbox/clb/load-balancer.ts';
import { ClbModel } from '../../../src/sandbox/clb/model.ts';
import type { ListenPair } from '../../../src/sandbox/data-plane/gateway-messages.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';

const root = new URL('../../../', import.meta.url).pathname;

export interface GatewayProgram {
  readonly path: string;
  remove(): Promise<void>;
}

/** The gateway process, bundled as the product's build does it, in a folder of its own. */
export async function bundledGateway(): Promise<GatewayProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-gateway-'));
  const path = join(folder, 'gateway.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: ['src/sandbox/data-plane/gateway-process.ts'],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Free addresses 127.x.y.1 ... of a block that belongs to this test process, all at one free port. */
export async function freePairs(count: number, block: number): Promise<readonly ListenPair[]> {
  const port = await new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
  const second = 64 + (process.pid % 128);
  return Array.from({ length: count }, (_, n) => ({ address: `127.${second}.${block}.${n + 1}`, port }));
}

export function backendsAt(pairs: readonly ListenPair[], weight: number): readonly ClbBackend[] {
  return pairs.map(({ address, port }) => ({
    serverId: `eni-${address}`,
    serverIp: address,
    port,
    weight,
    type: 'eni',
    description: '',
  }));
}

/** lb-public with one http and one https listener over the same backends. */
export function balancerOver(backends: readonly ClbBackend[], changes: Partial<Listener> = {}): ClbModel {
  const model = new ClbModel({ random: seededRandom(1), busyMs: { min: 0, max: 0 } });
  put(model, backends, changes);
  return model;
}

export function put(model: ClbModel, backends: readonly ClbBackend[], changes: Partial<Listener> = {}): void {
  model.put(
    loadBalancerOf({
      id: 'lb-public',
      address: '47.96.0.1',
      listeners: [
        listenerOf({ port: 80, protocol: 'http', vServerGroupId: 'rsp', ...changes }),
        listenerOf({ port: 443, protocol: 'https', vServerGroupId: 'rsp', ...changes }),
      ],
      groups: [{ id: 'rsp', name: 'rsp', backends }],
    }),
  );
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One GET, on a connection of its own where no agent is given. */
export function get(url: string, headers: Record<string, string> = {}, agent: Agent | false = false): Promise<Answer> {
  const fetchIt = url.startsWith('https:') ? httpsGet : httpGet;
  return new Promise((resolve, reject) => {
    const request = fetchIt(url, { agent, rejectUnauthorized: false, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    request.once('error', reject);
  });
}

/** Waits until something holds; fails with its name after a generous limit. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
