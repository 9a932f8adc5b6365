import http from 'node:http';
import https from 'node:https';
import type { ServiceReading } from '../../domain/observation.ts';
import type { ProbeSpec } from '../../domain/spec.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Probe, ProbeResult } from '../../ports/probe.ts';
import { mayReach, type Networks } from '../addresses.ts';

export interface HttpProbeOptions {
  readonly clock: Clock;
  /** Sandbox only: there, pods are loopback addresses. */
  readonly allowLoopback?: boolean;
  /** The only networks that are asked; null or absent: any that is no link, metadata or loopback address. */
  readonly networks?: Networks | null;
  /** How much faster than the wall the clock runs: time-outs are waited for on the wall. 1 unless told. */
  readonly speed?: number;
}

const bodyBytesMax = 64 * 1024;

interface Question {
  readonly address: string;
  readonly port: number;
  readonly isTls: boolean;
}

/** Asks the gateways' pods themselves, so that a side can be proven before it has any weight (reference E15). */
export function httpProbe(options: HttpProbeOptions): Probe {
  return {
    ask: async (probe, services) => {
      if (services.length === 0) return { isOk: false, detail: 'no Service to ask' };
      const results = await Promise.all(services.map((service) => askOne(probe, service, options)));
      const details = results.map(({ detail }, index) =>
        services.length === 1 ? detail : `${services[index]?.cluster}/${services[index]?.name}: ${detail}`,
      );
      return { isOk: results.every(({ isOk }) => isOk), detail: details.join('; ').slice(0, 300) };
    },
  };
}

async function askOne(probe: ProbeSpec, service: ServiceReading, options: HttpProbeOptions): Promise<ProbeResult> {
  const question = questionFor(probe, service, options.clock.now());
  if (question === null) return { isOk: false, detail: 'no ready endpoint' };
  if (!mayReach(question.address, options.allowLoopback ?? false, options.networks)) {
    return { isOk: false, detail: `${question.address} is not an address that is probed` };
  }
  const startedAtMs = options.clock.now();
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(probe.timeoutMs / (options.speed ?? 1))));
  try {
    const status = await statusOf(probe, question, signal);
    const isOk = status === probe.status;
    const detail = isOk ? `${status} in ${options.clock.now() - startedAtMs} ms` : `${status}, not ${probe.status}`;
    return { isOk, detail };
  } catch (error) {
    return { isOk: false, detail: signal.aborted ? `no answer within ${probe.timeoutMs} ms` : reasonOf(error) };
  }
}

/** One endpoint at a time, the next one at the next time: over a while every ready pod is asked. */
function questionFor(probe: ProbeSpec, service: ServiceReading, nowMs: number): Question | null {
  const [lowest] = Object.keys(service.portNames)
    .map(Number)
    .sort((a, b) => a - b);
  const port = probe.port ?? lowest;
  if (port === undefined) return null;
  const ready = service.endpoints.flatMap(({ address, targetPorts }) => {
    const target = targetPorts[port];
    return target === undefined ? [] : [{ address, port: target }];
  });
  const endpoint = ready[Math.floor(nowMs / Math.max(1, probe.everyMs)) % Math.max(1, ready.length)];
  if (endpoint === undefined) return null;
  return { ...endpoint, isTls: service.portNames[port]?.startsWith('https') ?? false };
}

async function statusOf(probe: ProbeSpec, { address, port, isTls }: Question, signal: AbortSignal): Promise<number> {
  const options: https.RequestOptions = {
    host: address,
    port,
    path: probe.path,
    method: 'GET',
    agent: false,
    headers: { Host: probe.host, 'User-Agent': 'sluice-probe/1', Connection: 'close' },
    signal,
    // A certificate proves a name; here a pod is asked by its address whether it serves that name at all.
    ...(isTls ? { servername: probe.host.replace(/:\d+$/, ''), rejectUnauthorized: false } : {}),
  };
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = (isTls ? https : http).request(options, resolve);
    request.on('error', reject);
    request.end();
  });
  await discard(response);
  return response.statusCode ?? 0;
}

/** The body must arrive, because a gateway that hangs in the middle of one is not well; what it says is nobody's business. */
async function discard(response: http.IncomingMessage): Promise<void> {
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyBytesMax) break;
  }
  response.destroy();
}

function reasonOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'no answer';
}
