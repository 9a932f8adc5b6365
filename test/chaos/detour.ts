// Loaded by every function instance before the function: leads each of its connections through a gate, and may set its
// clock wrong. The function is the built one, and knows nothing of it.
import { readFileSync, writeFileSync } from 'node:fs';
import { type NetConnectOpts, Socket } from 'node:net';
import { type Detour, detourFile, endpointFile } from './detour-plan.ts';

function lead(detour: Detour, env: NodeJS.ProcessEnv): void {
  const at = (port: number): string => `127.0.0.1:${port}`;
  const { ports, kubeconfigs } = detour;
  const changed = (name: string, change: (value: Record<string, unknown>) => unknown): void => {
    env[name] = JSON.stringify(change(JSON.parse(env[name] ?? '{}') as Record<string, unknown>));
  };
  const withKubeconfig = (name: string, path: string) => (value: Record<string, unknown>) => ({
    ...value,
    [name]: { ...(value[name] as object), kubeconfig: `file:${path}` },
  });
  changed('SLUICE_CLUSTERS', withKubeconfig('ack', kubeconfigs.ack));
  changed('SLUICE_MESHES', withKubeconfig('asm', kubeconfigs.asm));
  changed('SLUICE_CLB', (clb) => ({ ...clb, endpoint: at(ports.clb) }));
  changed('SLUICE_INVOKER', (invoker) => {
    writeFileSync(`${__dirname}/${endpointFile}`, String(invoker['endpoint']));
    return { ...invoker, endpoint: `http://${at(ports.functions)}` };
  });
  if (env['REDIS_URL'] !== undefined) env['REDIS_URL'] = `redis://${at(ports.redis)}`;
  for (const name of ['SLUICE_CHANNEL_OPS_URL', 'SLUICE_CHANNEL_AUDIT_URL']) {
    const url = new URL(env[name] ?? '');
    url.host = at(ports.chat);
    env[name] = url.href;
  }
}

/** Pods have addresses of their own in 127.0.0.0/8: what goes there goes through the gate, which is told where to. */
function leadProbes(port: number): void {
  const connect = Socket.prototype.connect as (this: Socket, ...args: readonly unknown[]) => Socket;
  Socket.prototype.connect = function (this: Socket, ...args: readonly unknown[]): Socket {
    // `net.connect` hands over its arguments as one list, already in order.
    const [given] = (Array.isArray(args[0]) ? args[0] : args) as readonly unknown[];
    const options = given as (NetConnectOpts & { host?: string; port?: number }) | undefined;
    const isPod = /^127\.(?!0\.0\.1$)/.test(options?.host ?? '');
    if (!isPod || typeof options !== 'object') return connect.apply(this, [...args]);
    const to = `${options.host}:${options.port}\n`;
    Object.assign(options, { host: '127.0.0.1', port });
    const socket = connect.apply(this, [...args]);
    socket.write(to);
    return socket;
  } as typeof Socket.prototype.connect;
}

function setAhead(ms: number): void {
  const now = Date.now;
  const Real = Date;
  globalThis.Date = new Proxy(Real, {
    construct: (_, args: readonly unknown[]) =>
      args.length === 0 ? new Real(now() + ms) : Reflect.construct(Real, args),
    get: (_, key) => (key === 'now' ? () => now() + ms : Reflect.get(Real, key)),
  });
}

const detour = JSON.parse(readFileSync(`${__dirname}/${detourFile}`, 'utf8')) as Detour;
lead(detour, process.env);
leadProbes(detour.ports.probes);
const aheadMs = detour.aheadMs[process.env['FC_FUNCTION_NAME'] ?? ''] ?? 0;
if (aheadMs !== 0) setAhead(aheadMs);
