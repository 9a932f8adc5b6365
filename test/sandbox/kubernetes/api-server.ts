import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import {
  type ApiServer,
  type ApiServerOptions,
  ackResources,
  startApiServer,
} from '../../../src/sandbox/kubernetes/server.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';

/** From PATH: whatever version the machine has. */
const binary = 'kubectl';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The body as JSON, an empty object where it is none. */
  readonly body: { readonly [key: string]: unknown };
}

interface Asked {
  readonly method?: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  /** Null for none, absent for the admin's. */
  readonly token?: string | null;
}

/** A server with a namespace `istio-system`, and the ways to talk to it. */
export interface World {
  readonly server: ApiServer;
  readonly faults: Faults;
  readonly paths: string[];
  readonly kubeconfigPath: string;
  kubectl(args: readonly string[], stdin?: string): Promise<Outcome>;
  /** A kubectl that stays, with what it has printed so far. */
  following(args: readonly string[]): { readonly process: ChildProcess; printed(): string };
  ask(path: string, asked?: Asked): Promise<Reply>;
  stop(): Promise<void>;
}

export async function startWorld(options: Partial<ApiServerOptions> = {}): Promise<World> {
  const clock = options.clock ?? sandboxClock(1);
  const faults = new Faults(seededRandom(1), () => clock.now());
  const paths: string[] = [];
  const server = await startApiServer({
    name: 'ack-test',
    place: 'ack',
    serves: ackResources,
    clock,
    faults,
    onRequest: ({ method, path }) => paths.push(`${method} ${path}`),
    ...options,
  });
  server.model.put('namespaces', { metadata: { name: 'istio-system' } }, clock.now());
  const folder = mkdtempSync(join(tmpdir(), 'sluice-kubernetes-'));
  const kubeconfigPath = join(folder, 'kubeconfig');
  writeFileSync(kubeconfigPath, server.kubeconfig);
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, KUBECONFIG: kubeconfigPath };
  const started: ChildProcess[] = [];
  return {
    server,
    faults,
    paths,
    kubeconfigPath,
    kubectl: (args, stdin) => runKubectl(args, env, stdin),
    following: (args) => {
      const process = spawn(binary, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      started.push(process);
      let text = '';
      for (const stream of [process.stdout, process.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
      }
      return { process, printed: () => text };
    },
    ask: (path, asked) => ask(server, path, asked),
    stop: async () => {
      for (const each of started) each.kill('SIGKILL');
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function runKubectl(args: readonly string[], env: Record<string, string>, stdin?: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      binary,
      args,
      { env, maxBuffer: 16 * 1024 * 1024, timeout: 25_000 },
      (error, stdout, stderr) => {
        if (error && error.code === 'ENOENT') {
          reject(
            new Error('kubectl is missing: install it, on Debian or Ubuntu with apt-get install kubernetes-client'),
          );
          return;
        }
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr });
      },
    );
    child.stdin?.end(stdin ?? '');
  });
}

function ask(server: ApiServer, path: string, asked: Asked = {}): Promise<Reply> {
  const config = parse(server.kubeconfig) as {
    clusters: { cluster: { 'certificate-authority-data': string } }[];
    users: { user: { token: string } }[];
  };
  const ca = Buffer.from(config.clusters[0]?.cluster['certificate-authority-data'] ?? '', 'base64');
  const token = asked.token === undefined ? config.users[0]?.user.token : asked.token;
  const headers = {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(asked.accept === undefined ? {} : { accept: asked.accept }),
    ...(asked.body === undefined ? {} : { 'content-type': asked.contentType ?? 'application/json' }),
    'user-agent': 'sluice-test/1',
  };
  return new Promise((resolve, reject) => {
    const sent = request(
      `${server.url}${path}`,
      { method: asked.method ?? 'GET', headers, ca, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = String(response.headers['content-type']).startsWith('application/json');
          const isOne = text !== '' && !text.includes('}\n{');
          const body = isJson && isOne ? (JSON.parse(text) as Reply['body']) : {};
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body });
        });
      },
    );
    sent.on('error', reject);
    sent.end(asked.body === undefined || typeof asked.body === 'string' ? asked.body : JSON.stringify(asked.body));
  });
}

/** Waits until `isTrue`, and fails with what was seen when that does not come about. */
export async function eventually(isTrue: () => boolean, seen: () => string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it never came about; seen: ${seen()}`);
}

export const gatewayService = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'gw', namespace: 'istio-system', annotations: { weight: '100' } },
  spec: {
    type: 'LoadBalancer',
    selector: { app: 'gw' },
    ports: [
      { name: 'http2', port: 80, targetPort: 8080, nodePort: 30544 },
      { name: 'https', port: 443, targetPort: 8443, nodePort: 30682 },
    ],
  },
} as const;

export const servicePath = '/api/v1/namespaces/istio-system/services';
