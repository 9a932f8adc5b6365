import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What becomes of the connections between two parts. */
export type WireFault =
  | { readonly kind: 'pass' }
  /** Each connection, also one that is open, ends with a TCP reset. */
  | { readonly kind: 'reset' }
  /** Connections are taken and stay open, and nothing comes out of them at either end. */
  | { readonly kind: 'blackHole' }
  /** Each piece waits so long, in ms of the wall. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Of each answer so many bytes arrive, then the connection is closed. */
  | { readonly kind: 'cut'; readonly afterBytes: number };

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A door that TCP connections pass through on their way from one part to another. */
export interface Gate {
  readonly port: number;
  /** From now on; connections that are open are treated the same. */
  set(fault: WireFault): void;
  stop(): Promise<void>;
}

export interface GateOptions {
  /** Where connections go, asked for each; null: the first line that is sent says it, as `host:port`. */
  readonly upstream: (() => Address) | null;
  /** Connections that a fault does not concern, by where they go. */
  readonly spares?: (address: Address) => boolean;
}

const headBytesMax = 64;
const passing: WireFault = { kind: 'pass' };

/** Opens a gate on a free port of loopback. */
export async function openGate(options: GateOptions): Promise<Gate> {
  let fault: WireFault = passing;
  const passages = new Set<Passage>();
  const server = createServer((client) => {
    const passage = new Passage(client, options, () => fault);
    passages.add(passage);
    client.once('close', () => passages.delete(passage));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    set: (next) => {
      fault = next;
      for (const passage of passages) passage.meet();
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const passage of passages) passage.end();
      await closed;
    },
  };
}

/** One connection with its other half. */
class Passage {
  readonly #client: Socket;
  readonly #fault: () => WireFault;
  readonly #spares: (address: Address) => boolean;
  #target: Socket | null = null;
  #address: Address | null = null;
  /** Bytes of answers since the fault in force began. */
  #answered = 0;
  /** Something was swallowed: TCP cannot go on behind it, so nothing that comes later arrives either. */
  #isLost = false;

  constructor(client: Socket, { upstream, spares }: GateOptions, fault: () => WireFault) {
    this.#client = client;
    this.#fault = fault;
    this.#spares = spares ?? (() => false);
    client.on('error', () => this.end());
    client.once('close', () => this.#target?.destroy());
    if (upstream === null) client.once('data', (head: Buffer) => this.#readHead(head));
    else this.#join(upstream(), null);
  }

  /** A fault came into force while this connection was open. */
  meet(): void {
    this.#answered = 0;
    if (this.#faultHere().kind === 'reset') this.#reset();
  }

  end(): void {
    this.#client.destroy();
    this.#target?.destroy();
  }

  #faultHere(): WireFault {
    const fault = this.#fault();
    return this.#address !== null && this.#spares(this.#address) ? passing : fault;
  }

  #reset(): void {
    this.#client.resetAndDestroy();
    this.#target?.resetAndDestroy();
  }

  #readHead(piece: Buffer): void {
    const end = piece.indexOf(10);
    const [host = '', port = ''] = piece.subarray(0, Math.min(end, headBytesMax)).toString('latin1').split(':');
    if (end < 0 || host === '') this.end();
    else this.#join({ host, port: Number(port) }, piece.subarray(end + 1));
  }

  #join(address: Address, first: Buffer | null): void {
    this.#address = address;
    if (this.#faultHere().kind === 'reset') {
      this.#reset();
      return;
    }
    const target = connect(address.port, address.host);
    this.#target = target;
    target.on('error', () => this.#reset());
    target.once('close', () => this.#client.end());
    this.#client.once('end', () => target.end());
    if (first !== null && first.length > 0) this.#pass(this.#client, target, first);
    this.#client.on('data', (piece: Buffer) => this.#pass(this.#client, target, piece));
    target.on('data', (piece: Buffer) => this.#pass(target, this.#client, piece));
  }

  #pass(from: Socket, to: Socket, piece: Buffer): void {
    from.pause();
    // A piece that cannot be written any more was lost with its connection, which the other end sees.
    void this.#carry(from, to, piece).then(() => from.resume());
  }

  async #carry(from: Socket, to: Socket, piece: Buffer): Promise<void> {
    const fault = this.#faultHere();
    this.#isLost ||= fault.kind === 'blackHole';
    if (this.#isLost) return;
    if (fault.kind === 'delay') await wait(fault.ms);
    if (fault.kind === 'cut' && from === this.#target) {
      const left = Math.max(0, fault.afterBytes - this.#answered);
      this.#answered += piece.length;
      if (piece.length > left) {
        if (left > 0) await written(to, piece.subarray(0, left));
        this.end();
        return;
      }
    }
    await written(to, piece);
  }
}

async function written(to: Socket, piece: Buffer): Promise<void> {
  if (to.destroyed || !to.writable || to.write(piece)) return;
  await new Promise<void>((resolve) => {
    to.once('drain', resolve);
    to.once('close', () => resolve());
  });
}
