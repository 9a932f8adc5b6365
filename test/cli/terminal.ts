import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { vi } from 'vitest';
import { handleRequest } from '../../src/api/handle-request.ts';
import { anInstallation, type Installation } from '../api/requests.ts';
import type { World } from '../fixtures/world.ts';

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line in this process, as main does, and catches what it prints. */
export async function sluice(add: (program: Command) => void, ...line: readonly string[]): Promise<Ended> {
  const out: string[] = [];
  const err: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...parts) => void out.push(parts.join(' ')));
  const error = vi.spyOn(console, 'error').mockImplementation((...parts) => void err.push(parts.join(' ')));
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    const program = new Command('sluice').exitOverride().configureOutput({ writeErr: (text) => void err.push(text) });
    add(program);
    for (const command of program.commands) command.copyInheritedSettings(program);
    await program.parseAsync(['node', 'sluice', ...line]);
    return { code: Number(process.exitCode), out: out.join('\n'), err: err.join('\n') };
  } catch (failure) {
    if (!(failure instanceof CommanderError)) throw failure;
    return { code: 2, out: out.join('\n'), err: err.join('\n') };
  } finally {
    process.exitCode = before;
    log.mockRestore();
    error.mockRestore();
  }
}

/** Where commands are typed: the environment names an API that answers, and a folder has the files. */
export interface Terminal {
  readonly world: World;
  readonly server: Hosted;
  readonly folder: string;
  /** Returns the path of the file that has this text now. */
  write(text: string, name?: string): string;
  close(): Promise<void>;
}

export async function aTerminal(): Promise<Terminal> {
  const installation = anInstallation();
  const server = await host(installation);
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  vi.stubEnv('SLUICE_SERVER', server.url);
  vi.stubEnv('SLUICE_TOKEN', 'alices-token');
  return {
    world: installation.world,
    server,
    folder,
    write: (text, name = 'shop.yaml') => {
      const file = join(folder, name);
      writeFileSync(file, text);
      return file;
    },
    close: async () => {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true });
      await server.stop();
    },
  };
}

interface Hosted {
  readonly url: string;
  stop(): Promise<void>;
}

/** The API on a loopback port, as an HTTP trigger would give it. */
async function host({ world, config }: Installation): Promise<Hosted> {
  let ids = 0;
  const newId = () => {
    ids += 1;
    return `run${ids}`;
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', 'http://localhost');
    const answer = await handleRequest(
      { ports: world.ports, config, newId },
      {
        method: request.method ?? 'GET',
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: request.headers as Record<string, string>,
        body: Buffer.concat(chunks),
        sourceIp: '127.0.0.1',
      },
    );
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  return listening(server);
}

/** A server that answers everything with one status and text. */
export function answering(status: number, text: string): Promise<Hosted> {
  return listening(createServer((_, response) => response.writeHead(status).end(text)));
}

async function listening(server: Server): Promise<Hosted> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
