import { describe, expect, it } from 'vitest';
import { clusterId, gatewayService, node, slice, world } from './memory-world.ts';

const addresses = (count: number): string[] => Array.from({ length: count }, (_, index) => `10.0.1.${index + 1}`);
const ecs = { 'service.beta.kubernetes.io/backend-type': 'ecs' };
const mapping = { id: 'lb-public', 'vgroup-port': 'rsp-pub-80:80,rsp-pub-443:443' };

describe('the weights that end up in a group', () => {
  it.each([
    ['10', 3, 3],
    ['100', 3, 33],
    ['1', 3, 1],
    ['0', 3, 0],
    ['100', 51, 1],
    ['+10', 2, 5],
    ['010', 2, 5],
  ])('weight %s over %i pods is %i each', async (weight, pods, each) => {
    const here = world();
    here.slices = [slice(addresses(pods))];
    here.annotate('weight', weight);
    await here.run();
    expect(here.weights()).toEqual(Array(pods).fill(each));
    expect(here.weights('rsp-pub-443')).toEqual(Array(pods).fill(each));
  });

  it.each([
    ['10', ['a', 'a', 'b', 'c'], [5, 2, 2]],
    ['60', ['a', 'b', 'c', 'd', 'e', 'f', 'g'], [8, 8, 8, 8, 8, 8, 8]],
    ['10', Array.from({ length: 30 }, (_, index) => `n${index % 20}`), Array(20).fill(1)],
    [null, ['a', 'a', 'b'], [2, 1]],
  ])('Local: weight %s over pods on nodes %j', async (weight, nodes, expected) => {
    const here = world();
    here.service = gatewayService(weight === null ? mapping : { ...mapping, weight }, ecs);
    here.service = { ...here.service, spec: { ...here.service.spec, externalTrafficPolicy: 'Local' } };
    here.nodes = [...new Set(nodes)].map((name) => node(name));
    here.slices = [slice(addresses(nodes.length), nodes)];
    await here.run();
    expect(here.weights()).toEqual(expected);
  });

  it('goes back to 100 each when the weight is taken away, and to the pod count in Local mode', async () => {
    const here = world();
    await here.run();
    here.annotate('weight', null);
    await here.run();
    expect(here.weights()).toEqual([100, 100, 100]);
  });

  it.each([
    ['2.14', [7, 7, 7]],
    ['2.11', [100, 100, 100]],
  ] as const)('version %s with default-weight 7 and no weight gives %j', async (version, expected) => {
    const here = world({ version });
    here.annotate('weight', null);
    here.annotate('default-weight', '7');
    await here.run();
    expect(here.weights()).toEqual(expected);
  });

  it.each([
    ['2.11', 1],
    ['2.14', 0],
  ] as const)(
    'version %s gives a pod on a virtual node %i where the share of a pod is below 1',
    async (version, expected) => {
      const here = world({ version });
      here.service = gatewayService({ ...mapping, weight: '2' }, ecs);
      here.service = { ...here.service, spec: { ...here.service.spec, externalTrafficPolicy: 'Local' } };
      here.nodes = [node('n1'), node('vk', { metadata: { name: 'vk', labels: { type: 'virtual-kubelet' } } })];
      here.slices = [slice(addresses(3), ['n1', 'n1', 'vk'])];
      await here.run();
      expect(here.weights()).toEqual([1, expected]);
    },
  );
});

describe('which nodes and pods are attached', () => {
  const cluster = (): ReturnType<typeof world> => {
    const here = world();
    here.service = gatewayService({ ...mapping, weight: '100' }, ecs);
    return here;
  };

  it('Cluster mode attaches every node that may serve, by its NodePort, wherever the pods are', async () => {
    const here = cluster();
    here.nodes = [
      node('ready'),
      node('cold', { status: { conditions: [{ type: 'Ready', status: 'False' }] } }),
      node('master', { metadata: { name: 'master', labels: { 'node-role.kubernetes.io/master': '' } } }),
      node('out', {
        metadata: { name: 'out', labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } },
      }),
      node('going', {
        spec: {
          providerID: 'cn-hangzhou.i-going',
          taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }],
        },
      }),
      node('cordoned', { spec: { providerID: 'cn-hangzhou.i-cordoned', unschedulable: true } }),
    ];
    await here.run();
    const servers = (): unknown =>
      here.groups.get('rsp-pub-80')?.backends.map((one) => [one.serverId, one.port, one.type]);
    expect(servers()).toEqual([
      ['i-ready', 30544, 'ecs'],
      ['i-cordoned', 30544, 'ecs'],
    ]);
    here.annotate('remove-unscheduled-backend', 'on');
    await here.run();
    expect(servers()).toEqual([['i-ready', 30544, 'ecs']]);
  });

  it('backend-label keeps the nodes that carry every label', async () => {
    const here = cluster();
    here.nodes = [node('a', { metadata: { name: 'a', labels: { pool: 'edge', zone: 'b' } } }), node('b')];
    here.annotate('backend-label', 'pool=edge,zone=b');
    await here.run();
    expect(here.groups.get('rsp-pub-80')?.backends.map((one) => one.serverId)).toEqual(['i-a']);
  });

  it('the weight of a pod that is no longer ready is gone, and that of the others rises', async () => {
    const here = world();
    await here.run();
    here.slices = [slice(['10.0.0.1', '10.0.0.2']), slice(['10.0.0.3'], [], false)];
    await here.run();
    expect(here.weights()).toEqual([50, 50]);
  });

  it('without any backend the group is emptied, with a Normal event only', async () => {
    const here = world();
    await here.run();
    here.slices = [];
    await here.run();
    expect(here.weights()).toEqual([]);
    expect(here.events).toContainEqual({
      type: 'Normal',
      reason: 'UnAvailableLoadBalancer',
      message: 'There are no available nodes for LoadBalancer',
    });
  });
});

describe('ownership inside a shared group', () => {
  it('marks its backends and leaves those of others alone', async () => {
    const here = world();
    const foreign = [
      {
        serverId: 'eni-x',
        serverIp: '10.9.9.9',
        port: 8080,
        weight: 60,
        type: 'eni',
        description: `k8s/8080/other/istio-system/${clusterId}`,
      },
      { serverId: 'i-hand', serverIp: '', port: 80, weight: 5, type: 'ecs', description: '' },
      {
        serverId: 'eni-y',
        serverIp: '10.9.9.8',
        port: 8080,
        weight: 4,
        type: 'eni',
        description: 'k8s/8080/gw/istio-system/c2',
      },
    ] as const;
    here.groups.get('rsp-pub-80')?.backends.push(...foreign);
    await here.run();
    expect(here.groups.get('rsp-pub-80')?.backends).toEqual(expect.arrayContaining([...foreign]));
    expect(
      here.groups
        .get('rsp-pub-80')
        ?.backends.filter((one) => one.description === `k8s/8080/gw/istio-system/${clusterId}`),
    ).toHaveLength(3);
  });

  it('adopts a backend that a person attached to the same pod and port', async () => {
    const here = world();
    await here.run();
    const group = here.groups.get('rsp-pub-80');
    const [first] = group?.backends ?? [];
    if (group === undefined || first === undefined) throw new Error('the group is empty');
    group.backends[0] = { ...first, weight: 7, description: 'by hand' };
    await here.run();
    expect(group.backends[0]).toEqual(first);
  });

  it('does nothing when nothing differs, and heals a weight that somebody changed', async () => {
    const here = world();
    await here.run();
    here.calls.length = 0;
    await here.run();
    expect(here.calls.filter((call) => /^(Add|Remove|Set)/.test(call))).toEqual([]);
    const [first] = here.groups.get('rsp-pub-80')?.backends ?? [];
    if (first !== undefined) here.groups.get('rsp-pub-80')?.backends.splice(0, 1, { ...first, weight: 90 });
    await here.run();
    expect(here.weights()).toEqual([33, 33, 33]);
  });

  it('leaves a changed weight alone under ignore-weight-update', async () => {
    const here = world();
    await here.run();
    here.annotate('ignore-weight-update', 'on');
    here.annotate('weight', '10');
    await here.run();
    expect(here.weights()).toEqual([33, 33, 33]);
  });

  it.each([
    [false, []],
    [true, ['SetVServerGroupAttribute rsp-pub-80 x3', 'SetVServerGroupAttribute rsp-pub-443 x3']],
  ])('with the shared-node slip %s an unchanged Service writes %j', async (sharedNodeChurn, expected) => {
    const here = world({ sharedNodeChurn });
    here.service = gatewayService({ ...mapping, weight: '100' }, ecs);
    await here.run();
    for (const group of here.groups.values()) {
      group.backends.unshift(
        ...group.backends.map((one) => ({
          ...one,
          port: 31000,
          description: `k8s/31000/other/istio-system/${clusterId}`,
        })),
      );
    }
    here.calls.length = 0;
    await here.run();
    expect(here.calls.filter((call) => /^(Add|Remove|Set)/.test(call))).toEqual(expected);
  });

  it('adds, then removes, then sets, forty backends a call', async () => {
    const here = world();
    here.slices = [slice(addresses(100))];
    await here.run();
    here.calls.length = 0;
    here.slices = [slice([...addresses(50), ...addresses(10).map((address) => address.replace('10.0.1', '10.0.2'))])];
    await here.run();
    expect(here.calls.filter((call) => call.endsWith(' x0') === false && call.includes(' rsp-pub-80 '))).toEqual([
      'AddVServerGroupBackendServers rsp-pub-80 x10',
      'RemoveVServerGroupBackendServers rsp-pub-80 x40',
      'RemoveVServerGroupBackendServers rsp-pub-80 x10',
    ]);
  });
});
