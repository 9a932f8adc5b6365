import { createServer, type Server } from 'node:net';
import type { BackendMode } from '../domain/backend-weights.ts';
import type { Random } from './random.ts';

export type Side = 'source' | 'target';

/** Target ports of the gateways' Services: where a pod listens. */
export const podPorts: readonly number[] = [8080, 8443];

/** Node ports of the Services of each side, as the example manifests name them; the last is the internal Service's. */
export const nodePorts: Readonly<Record<Side, readonly number[]>> = {
  source: [30544, 30682, 30744],
  target: [30644, 30782, 30844],
};

/** The most pods of one side, and the most nodes: the quota of backends of a load balancer (reference E19). */
export const backendsMax = 200;

/** Where a gateway is to listen. */
export interface Listen {
  readonly address: string;
  readonly port: number;
}

/**
 * The loopback addresses of one sandbox: `127.x.y.*` and the three blocks after it, for the pods of the source, those of
 * the target, the nodes, and the last one for the mark that they are taken and for pods that nobody calls. Indexes count
 * from 0.
 */
export interface SandboxAddresses {
  pod(side: Side, index: number): string;
  node(index: number): string;
  /** Of a pod behind the gateways: nothing listens there. */
  workload(index: number): string;
  /** Where the gateway of a side with that many backends listens: its pods, and in node modes its nodes' ports. */
  listens(side: Side, mode: BackendMode, backends: number): readonly Listen[];
  /** As addressOfBackend. */
  readonly addressOf: typeof addressOfBackend;
  /** Gives the blocks back. */
  release(): Promise<void>;
}

export interface AddressWish {
  readonly random: Random;
  readonly mode: BackendMode;
  readonly backends: Readonly<Record<Side, number>>;
}

/** Where callers inside the cluster send from, as pods do; what comes through a load balancer comes from elsewhere. */
export function callerAddress(index: number): string {
  return `${callerNetwork}${1 + (index % 250)}`;
}

export function isCaller(address: string): boolean {
  return address.startsWith(callerNetwork);
}

const callerNetwork = '127.0.255.';

const attemptsMax = 64;
const markPort = 8079;

const serverPrefix = 'i-sandbox';

/** The ECS instance at a node's address: the address in hex, so that no two clusters of a machine share an id. */
export function serverIdAt(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return serverPrefix + bytes.join('');
}

/** The address behind a backend of the load balancer; null for a server that is of no sandbox. */
export function addressOfBackend(backend: { readonly serverId: string; readonly serverIp: string }): string | null {
  if (backend.serverIp !== '') return backend.serverIp;
  const hex = /^i-sandbox([0-9a-f]{8})$/.exec(backend.serverId)?.[1];
  return hex === undefined ? null : [0, 2, 4, 6].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.');
}

/**
 * Takes free blocks: they are marked against other sandboxes on this machine, and everything that the gateways will
 * listen on was bound once.
 *
 * @throws Error where no block is free, as on systems that have 127.0.0.1 only
 */
export async function takeAddresses(wish: AddressWish): Promise<SandboxAddresses> {
  let last: unknown = null;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    // Not 127.0.x.y, where resolvers and other programs of the machine listen.
    const block = { second: wish.random.between(1, 254), third: 4 * wish.random.between(0, 63) };
    try {
      return await takeBlock(block, wish);
    } catch (cause) {
      last = cause;
    }
  }
  throw new Error(`no free block of loopback addresses in ${attemptsMax} attempts`, { cause: last });
}

interface Block {
  readonly second: number;
  readonly third: number;
}

async function takeBlock(block: Block, wish: AddressWish): Promise<SandboxAddresses> {
  const mark = await bind({ address: inBlock(block, 3, 0), port: markPort });
  mark.unref();
  const addresses = addressesIn(block, mark);
  try {
    for (const side of ['source', 'target'] as const) {
      for (const listen of addresses.listens(side, wish.mode, wish.backends[side])) await close(await bind(listen));
    }
  } catch (cause) {
    await addresses.release();
    throw cause;
  }
  return addresses;
}

function addressesIn(block: Block, mark: Server): SandboxAddresses {
  const pod = (side: Side, index: number): string => inBlock(block, side === 'source' ? 0 : 1, index);
  const node = (index: number): string => inBlock(block, 2, index);
  const across = (count: number, address: (index: number) => string, ports: readonly number[]): Listen[] =>
    Array.from({ length: count }, (_, index) => ports.map((port) => ({ address: address(index), port }))).flat();
  return {
    pod,
    node,
    workload: (index) => inBlock(block, 3, index + 1),
    listens: (side, mode, backends) => [
      ...across(backends, (index) => pod(side, index), podPorts),
      ...(mode === 'eni' ? [] : across(backends, node, nodePorts[side])),
    ],
    addressOf: addressOfBackend,
    release: () => close(mark),
  };
}

function inBlock(block: Block, offset: number, index: number): string {
  if (index < 0 || index >= backendsMax)
    throw new RangeError(`a side has at most ${backendsMax} backends, asked for number ${index + 1}`);
  return `127.${block.second}.${block.third + offset}.${index + 1}`;
}

function bind({ address, port }: Listen): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
  });
}
