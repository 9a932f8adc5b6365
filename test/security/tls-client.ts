import { clbClient } from '../../src/adapters/clb/clb-client.ts';
import { fcInvoker } from '../../src/adapters/function-compute/invoker.ts';
import { kubernetesClients } from '../../src/adapters/kubernetes/clients.ts';
import { notifier } from '../../src/adapters/notify/notifier.ts';
import { connectRedis } from '../../src/adapters/redis/connect.ts';
import { redisStore } from '../../src/adapters/redis/store.ts';
import { messageOf } from '../../src/ports/errors.ts';
import { aNotice } from '../adapters/notify/receiver.ts';

/**
 * A process of its own, because Node reads NODE_EXTRA_CA_CERTS when it starts: says hello with each client of the product,
 * each at a port of its own, and prints what came of it. `clb=4711` -> `{"clb":"the error, or null"}`
 */
const ports = Object.fromEntries(process.argv.slice(2).map((pair) => pair.split('=')));
const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const credentials = () => ({ accessKeyId: 'LTAItest', accessKeySecret: 'canary-key', securityToken: 'canary-token' });
const at = (client: string): string => `127.0.0.1:${ports[client]}`;

const hellos: Readonly<Record<string, () => Promise<unknown>>> = {
  kubernetes: () => {
    const user = { name: 'u', user: { token: 'canary-token' } };
    const kubeconfig = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'a', cluster: { server: `https://${at('kubernetes')}` } }],
      users: [user],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'u' } }],
      'current-context': 'a',
    });
    const clients = kubernetesClients({
      clusters: { ack: { id: 'c1', kubeconfig: 'env:KUBECONFIG_TEXT' } },
      meshes: {},
      clock,
      env: { KUBECONFIG_TEXT: kubeconfig },
    });
    const attempt = { verb: 'list', resource: 'nodes', namespace: null } as const;
    return clients.cluster('ack').ask(attempt, (api) => api.core.listNode());
  },
  clb: () =>
    clbClient({ region: 'cn-hangzhou', endpoint: at('clb'), credentials, clock }).describeVServerGroups('lb-public'),
  invoker: () =>
    fcInvoker({
      accountId: '1',
      region: 'local',
      endpoint: `https://${at('invoker')}`,
      functionName: 'step',
      credentials,
    }).invoke('shop', 'r1-1', 0),
  webhook: () =>
    notifier({
      channels: { audit: { kind: 'webhook', url: () => `https://${at('webhook')}/canary-path`, secret: null } },
      clock,
      isLoopbackAllowed: true,
    }).post('audit', aNotice()),
  redis: async () => {
    const store = redisStore(connectRedis(`rediss://:canary-password@${at('redis')}`, { commandTimeoutMs: 20_000 }));
    try {
      return await store.load('nobody');
    } finally {
      await store.close();
    }
  },
};

const told = Object.entries(hellos).map(async ([client, hello]) => {
  const error = await hello().then(
    () => null,
    (reason: unknown) => messageOf(reason),
  );
  return [client, error] as const;
});
console.log(JSON.stringify(Object.fromEntries(await Promise.all(told))));
// A client that keeps a connection for the next call is not waited for.
process.exit();
