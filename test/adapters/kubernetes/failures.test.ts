import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KubernetesOptions, kubernetesClients } from '../../../src/adapters/kubernetes/clients.ts';
import { kubernetesRouter } from '../../../src/adapters/kubernetes/router.ts';
import { systemClock } from '../../../src/adapters/system-clock.ts';
import { messageOf, TerminalError, TransientError } from '../../../src/ports/errors.ts';
import { limitedToken, namespace, route, service, startWorld, type World, weightKey } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.stop());

const write = () => world.router.write(route, 'source', { weight: '57', overrides: {} }, 7);
const failure = async (work: Promise<unknown>): Promise<Error & { code: string }> => {
  const error: unknown = await work.then(
    () => expect.unreachable('it did not fail'),
    (reason: unknown) => reason,
  );
  return error as Error & { code: string };
};
const ackGets = () =>
  world.requests.filter(({ method, path }) => method === 'GET' && path.includes('/services/')).length;

describe('a Kubernetes API that fails', () => {
  it.each([429, 500, 503])(
    'is asked again three times for a read that meets %i, then it may be better later',
    async (status) => {
      world.faults.put([{ where: 'ack', kind: 'error', status }]);
      const router = world.withAckKubeconfig(world.ack.kubeconfig, 10_000);
      const error = await failure(router.discover(route.source));
      expect(error).toBeInstanceOf(TransientError);
      expect(error.message).toContain('cluster ack: get services istio-system/istio-ingressgateway: status');
      expect(ackGets()).toBe(3);
    },
  );

  it('is not asked twice to write', async () => {
    await world.clients
      .cluster('ack')
      .find({ verb: 'get', resource: 'services', namespace }, ({ core }) =>
        core.readNamespacedService({ namespace, name: route.source.name }),
      );
    const patch = world.clients
      .cluster('ack')
      .ask({ verb: 'patch', resource: 'services', namespace, name: route.source.name }, ({ core, mergePatch }) => {
        world.faults.put([{ where: 'ack', kind: 'drop' }]);
        return core.patchNamespacedService({ namespace, name: route.source.name, body: {} }, mergePatch);
      });
    expect(await failure(patch)).toBeInstanceOf(TransientError);
    expect(world.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(1);
  });

  it('is answered again once the fault has gone, over a connection that was cut meanwhile', async () => {
    expect((await world.router.read(route)).source.carrier?.weight).toBe('100');
    world.faults.put([{ where: 'ack', kind: 'drop', rate: 0.3 }]);
    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => world.router.read(route)));
    for (const answer of answers)
      if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(TransientError);
    world.faults.clear();
    expect((await world.router.read(route)).source.carrier?.weight).toBe('100');
  });

  it('that never answers is given up after the time-out', async () => {
    world.faults.put([{ where: 'ack', kind: 'stall' }]);
    const error = await failure(write());
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/no answer within 500 ms$/);
    expect(service(world).metadata.annotations).toMatchObject({ [weightKey]: '100' });
  });
});

describe('a Kubernetes API that refuses', () => {
  it('names the missing permission, the verb and the object, and no token', async () => {
    const router = world.withAckKubeconfig(world.ack.kubeconfigFor(limitedToken));
    const error = await failure(router.write(route, 'source', { weight: '57', overrides: {} }, 7));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toBe(
      'cluster ack: patch services istio-system/istio-ingressgateway: forbidden (403); missing permission: patch services in namespace istio-system',
    );
  });

  it('still reads a side where only the events are forbidden', async () => {
    const router = world.withAckKubeconfig(world.ack.kubeconfigFor(limitedToken));
    expect((await router.read(route)).source.services[0]).toMatchObject({ readyPods: 3, warning: null });
  });

  it('with 401 gets the kubeconfig fetched again once, then it is for good', async () => {
    const token = 'expired-token-0815';
    const router = world.withAckKubeconfig(world.ack.kubeconfigFor(token));
    const error = await failure(router.discover(route.source));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/credentials of the kubeconfig are not accepted \(401\)/);
    expect(ackGets()).toBe(2);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error.cause)).not.toContain(token);
  });

  it('with 401 works on where the kubeconfig that is fetched again is a new one', async () => {
    const env = { ACK: world.ack.kubeconfigFor('expired'), ASM: world.asm.kubeconfig };
    const clients = kubernetesClients({ ...options(env), timeoutMs: 500 });
    const router = kubernetesRouter(clients, { namespaces: [namespace] });
    await failure(router.discover(route.source));
    env.ACK = world.ack.kubeconfig;
    expect(await router.discover(route.source)).toHaveLength(1);
    clients.close();
  });

  it.each([
    ['nonsense', /begins with file:, env:, ack: or asm:/],
    ['apiVersion: v1\nkind: Config\ntoken: secret-1', /begins with file:/],
    ['env:NOT_SET', /env:NOT_SET: the variable is not set/],
    ['file:/nowhere/at/all', /ENOENT/],
    ['ack:c1', /no credentials of Alibaba Cloud/],
  ])('a kubeconfig reference %j is a mistake that is named', async (kubeconfig, message) => {
    const clients = kubernetesClients({ ...options({}), clusters: { ack: { id: 'c1', kubeconfig } } });
    const error = await failure(kubernetesRouter(clients, { namespaces: [namespace] }).discover(route.source));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('secret-1');
  });

  it('a kubeconfig that is broken is not quoted', async () => {
    const clients = kubernetesClients(options({ ACK: 'users: [ {token: secret-2', ASM: '' }));
    const error = await failure(kubernetesRouter(clients, { namespaces: [namespace] }).discover(route.source));
    expect(error).toBeInstanceOf(TerminalError);
    expect(messageOf(error)).not.toContain('secret-2');
  });

  it('a name that nobody configured is a mistake that is named', async () => {
    const error = await failure(world.router.discover({ ...route.source, cluster: 'other' }));
    expect(error.message).toBe("cluster other is not in the installation's configuration");
  });
});

function options(env: Record<string, string>): KubernetesOptions {
  return {
    clusters: { ack: { id: 'c1', kubeconfig: 'env:ACK' } },
    meshes: { asm: { kubeconfig: 'env:ASM' } },
    env,
    clock: systemClock(),
  };
}

describe('an answer that is not one', () => {
  let server: http.Server;
  let answer: (response: http.ServerResponse) => void;
  const sockets = new Set<Socket>();
  beforeEach(async () => {
    server = http.createServer((_request, response) => answer(response));
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  const ask = async (timeoutMs = 500): Promise<Error> => {
    const { port } = server.address() as AddressInfo;
    const yaml = [
      'apiVersion: v1',
      'kind: Config',
      `clusters: [{ name: a, cluster: { server: "http://127.0.0.1:${port}", insecure-skip-tls-verify: true } }]`,
      'users: [{ name: a, user: { token: secret-3 } }]',
      'contexts: [{ name: a, context: { cluster: a, user: a } }]',
      'current-context: a',
    ].join('\n');
    const clients = kubernetesClients({ ...options({ ACK: yaml, ASM: '' }), timeoutMs });
    return failure(kubernetesRouter(clients, { namespaces: [namespace] }).discover(route.source));
  };
  const json = { 'content-type': 'application/json' };

  it.each([
    [
      'HTML with 200',
      (response: http.ServerResponse) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    ],
    [
      'HTML with 404',
      (response: http.ServerResponse) => response.writeHead(404, { 'content-type': 'text/html' }).end('<p>'),
    ],
    ['half a body', (response: http.ServerResponse) => response.writeHead(200, json).end('{"metadata": {"na')],
    [
      'a body that breaks off',
      (response: http.ServerResponse) => {
        response.writeHead(200, { ...json, 'content-length': 1000 }).write('{"metadata"');
        setTimeout(() => response.destroy(), 20);
      },
    ],
    ['a body that never ends', (response: http.ServerResponse) => void response.writeHead(200, json).write('{')],
    [
      'a wait that is too long',
      (response: http.ServerResponse) => response.writeHead(429, { ...json, 'retry-after': '30' }).end('{}'),
    ],
  ])('%s may be better later', async (_, respond) => {
    answer = respond as typeof answer;
    const error = await ask();
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain('cluster ack: get services');
    expect(error.message).not.toMatch(/secret-3|127\.0\.0\.1/);
  });

  it('passes on how long to wait', async () => {
    answer = (response) => response.writeHead(503, { ...json, 'retry-after': '30' }).end('{}');
    expect(await ask()).toMatchObject({ retryAfterMs: 30_000 });
  });

  it('beyond every limit is for good', async () => {
    answer = (response) => {
      response.writeHead(200, json);
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const more = () => {
        while (!response.destroyed && response.write(chunk));
        response.once('drain', more);
      };
      more();
    };
    const error = await ask(20_000);
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/larger than/);
  });

  it('that is no Service, but well formed, is refused for what it says', async () => {
    answer = (response) =>
      response.writeHead(422, json).end(JSON.stringify({ kind: 'Status', message: 'it is wrong' }));
    const error = await ask();
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/refused \(422\): it is wrong$/);
  });
});
