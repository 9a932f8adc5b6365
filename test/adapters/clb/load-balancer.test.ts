import { afterEach, describe, expect, it } from 'vitest';
import { clbEndpoint } from '../../../src/adapters/clb/clb-client.ts';
import { TerminalError } from '../../../src/ports/errors.ts';
import { listenerOf } from '../../../src/sandbox/clb/load-balancer.ts';
import { type Cloud, type CloudOptions, pod, publicLoadBalancer, startCloud } from './cloud.ts';

let cloud: Cloud;
const start = async (options: CloudOptions = {}) => {
  cloud = await startCloud(options);
};
afterEach(() => cloud.stop());

const ports = [
  { port: 80, group: 'rsp-pub-80' },
  { port: 443, group: 'rsp-pub-443' },
];
const check = (address: string, ok: boolean) => {
  for (let times = 0; times < 3; times++) cloud.model.recordCheck('rsp-pub-80', pod(address, 57), ok, Date.now());
};

describe('the groups of a load balancer', () => {
  it('are told with every backend, its weight and its owner', async () => {
    await start();
    const groups = await cloud.loadBalancer.describeGroups('lb-public', ports);
    expect(groups.map(({ port, group, backends }) => [port, group, backends.length])).toEqual([
      [80, 'rsp-pub-80', 3],
      [443, 'rsp-pub-443', 1],
    ]);
    expect(groups[0]?.backends[2]).toEqual({
      serverId: 'eni-shared',
      serverIp: '10.0.2.1',
      port: 8080,
      weight: 1,
      type: 'eni',
      description: 'k8s/8080/asm/istio-system/c0123',
      health: 'unavailable',
    });
    expect(groups[1]?.backends[0]).toMatchObject({ serverId: 'i-a', port: 30443, weight: 0, description: 'by hand' });
  });

  it('are the same where the API tells numbers as strings', async () => {
    await start();
    const numbers = await cloud.loadBalancer.describeGroups('lb-public', ports);
    await cloud.stop();
    await start({ model: { portsAndWeights: 'strings' } });
    expect(await cloud.loadBalancer.describeGroups('lb-public', ports)).toEqual(numbers);
  });

  it('are asked once each, however many ports lead to them, and the health once', async () => {
    await start();
    const twice = [...ports, { port: 8080, group: 'rsp-pub-80' }];
    expect(await cloud.loadBalancer.describeGroups('lb-public', twice)).toHaveLength(3);
    expect([...cloud.asked].sort()).toEqual([
      'DescribeHealthStatus',
      'DescribeVServerGroupAttribute',
      'DescribeVServerGroupAttribute',
    ]);
  });

  it('tell the health of each pod, also of pods that share an interface', async () => {
    await start();
    check('10.0.1.1', true);
    check('10.0.1.2', false);
    const [group] = await cloud.loadBalancer.describeGroups('lb-public', ports);
    expect(group?.backends.map(({ serverIp, health }) => [serverIp, health])).toEqual([
      ['10.0.1.1', 'normal'],
      ['10.0.1.2', 'abnormal'],
      ['10.0.2.1', 'unavailable'],
    ]);
  });

  it('tell a backend abnormal as soon as one listener finds it so', async () => {
    await start();
    const listeners = [80, 81].map((port) =>
      listenerOf({ port, protocol: 'http', vServerGroupId: 'rsp-pub-80', unhealthyThreshold: port === 80 ? 3 : 10 }),
    );
    cloud.model.put(publicLoadBalancer(listeners));
    check('10.0.1.1', true);
    check('10.0.1.1', false);
    const [group] = await cloud.loadBalancer.describeGroups('lb-public', ports);
    expect(group?.backends[0]?.health).toBe('abnormal');
  });

  it('have no known health where all health checks are off', async () => {
    await start();
    const off = [listenerOf({ port: 80, protocol: 'http', vServerGroupId: 'rsp-pub-80', healthCheck: 'off' })];
    cloud.model.put(publicLoadBalancer(off));
    const groups = await cloud.loadBalancer.describeGroups('lb-public', ports);
    expect(groups.flatMap(({ backends }) => backends.map(({ health }) => health))).toEqual(
      Array(4).fill('unavailable'),
    );
  });

  it('are refused where one belongs to another load balancer, or is not there', async () => {
    await start();
    cloud.model.put({
      ...publicLoadBalancer(),
      id: 'lb-other',
      groups: [{ id: 'rsp-other', name: 'o', backends: [] }],
    });
    await expect(cloud.loadBalancer.describeGroups('lb-public', [{ port: 80, group: 'rsp-other' }])).rejects.toThrow(
      new TerminalError('vServer group rsp-other belongs to lb-other, not to lb-public'),
    );
    await expect(
      cloud.loadBalancer.describeGroups('lb-public', [{ port: 80, group: 'rsp-nowhere' }]),
    ).rejects.toMatchObject({ code: 'terminal', vendorCode: 'InvalidParameter' });
  });
});

describe('a load balancer', () => {
  it('is told with its address, tags and groups', async () => {
    await start();
    expect(await cloud.loadBalancer.describe('lb-public')).toEqual({
      id: 'lb-public',
      name: 'public',
      status: 'active',
      address: '47.0.0.1',
      addressType: 'internet',
      ipVersion: 'ipv4',
      resourceGroupId: '',
      spec: 'slb.s2.small',
      tags: { team: 'shop' },
      groups: {
        'rsp-pub-80': { name: 'public-80', backends: 3, rules: [] },
        'rsp-pub-443': { name: 'public-443', backends: 1, rules: [] },
      },
    });
  });

  it('is told with the forwarding rules that lead to its groups', async () => {
    await start();
    const rule = { id: 'rule-1', name: 'api', domain: 'a.example', url: '/api', vServerGroupId: 'rsp-pub-443' };
    const listeners = [listenerOf({ port: 80, protocol: 'http', vServerGroupId: 'rsp-pub-80', rules: [rule] })];
    cloud.model.put(publicLoadBalancer(listeners));
    const { groups } = (await cloud.loadBalancer.describe('lb-public')) ?? {};
    expect(groups?.['rsp-pub-443']?.rules).toEqual(['a.example/api']);
    expect(groups?.['rsp-pub-80']?.rules).toEqual([]);
  });

  it('is null where there is none', async () => {
    await start();
    expect(await cloud.loadBalancer.describe('lb-nowhere')).toBeNull();
  });

  it('tells of each listener what decides whether weights are honoured', async () => {
    await start();
    const listeners = [...(await cloud.loadBalancer.describeListeners('lb-public'))].sort((a, b) => a.port - b.port);
    const healthCheck = { type: 'tcp', port: null, host: '', path: '/' };
    const usual = {
      status: 'running',
      hasHealthCheck: true,
      healthCheck,
      masterSlaveGroup: null,
      establishedTimeoutMs: null,
      drainsConnections: false,
      hasProxyProtocol: false,
    };
    expect(listeners).toEqual([
      { ...usual, port: 80, protocol: 'http', scheduler: 'wrr', group: 'rsp-pub-80', isSticky: false },
      { ...usual, port: 443, protocol: 'https', scheduler: 'rr', group: 'rsp-pub-443', isSticky: true },
      {
        ...usual,
        port: 9000,
        protocol: 'tcp',
        status: 'stopped',
        scheduler: 'wrr',
        group: null,
        hasHealthCheck: false,
        isSticky: true,
        establishedTimeoutMs: 900_000,
      },
    ]);
  });

  it('tells what a listener checks, keeps and speaks', async () => {
    await start();
    const special = {
      healthCheckType: 'http',
      healthCheckConnectPort: 30_080,
      healthCheckDomain: 'health.example.com',
      healthCheckUri: '/healthz',
      establishedTimeoutS: 60,
      connectionDrain: 'on',
      proxyProtocolV2Enabled: true,
      masterSlaveServerGroupId: 'rsp-ms',
    } as const;
    cloud.model.put(publicLoadBalancer([listenerOf({ port: 80, protocol: 'tcp', ...special })]));
    expect(await cloud.loadBalancer.describeListeners('lb-public')).toMatchObject([
      {
        healthCheck: { type: 'http', port: 30_080, host: 'health.example.com', path: '/healthz' },
        establishedTimeoutMs: 60_000,
        drainsConnections: true,
        hasProxyProtocol: true,
        masterSlaveGroup: 'rsp-ms',
      },
    ]);
  });

  it('tells all its listeners, page by page', async () => {
    await start();
    cloud.model.put(
      publicLoadBalancer(Array.from({ length: 250 }, (_, index) => listenerOf({ port: index + 1, protocol: 'tcp' }))),
    );
    expect(await cloud.loadBalancer.describeListeners('lb-public')).toHaveLength(250);
    expect(cloud.asked).toEqual(Array(3).fill('DescribeLoadBalancerListeners'));
  });

  it('with more pages than anybody has is an error, not an endless loop', async () => {
    await start();
    cloud.model.put(
      publicLoadBalancer(Array.from({ length: 1001 }, (_, index) => listenerOf({ port: index + 1, protocol: 'tcp' }))),
    );
    await expect(cloud.loadBalancer.describeListeners('lb-public')).rejects.toThrow(/more than 10 pages/);
  });
});

describe('the weights of backends', () => {
  it('are set for those that are listed, and for no other', async () => {
    await start();
    const server = {
      ServerId: 'eni-shared',
      ServerIp: '10.0.2.1',
      Port: 8080,
      Type: 'eni',
      Description: pod('', 0, 'asm').description,
    };
    await cloud.client.setVServerGroupAttribute('rsp-pub-80', [{ ...server, Weight: 33 }]);
    const [group] = await cloud.loadBalancer.describeGroups('lb-public', ports);
    expect(group?.backends.map(({ weight }) => weight)).toEqual([57, 57, 33]);
  });

  it('are not sent for more servers than one call takes', async () => {
    await start();
    const server = { ServerId: 'i-a', Port: 1, Type: 'ecs', Weight: 1, Description: '' };
    await expect(cloud.client.setVServerGroupAttribute('rsp-pub-80', Array(21).fill(server))).rejects.toThrow(
      /more than 20/,
    );
    expect(cloud.asked).toEqual([]);
  });

  it('are set in the end although the load balancer is busy with another write', async () => {
    await start({ model: { busyMs: { min: 300, max: 300 } } });
    const server = { ServerId: 'i-a', Port: 30443, Type: 'ecs', Description: 'by hand' };
    await cloud.client.setVServerGroupAttribute('rsp-pub-443', [{ ...server, Weight: 1 }]);
    await cloud.client.setVServerGroupAttribute('rsp-pub-443', [{ ...server, Weight: 2 }]);
    const [, group] = await cloud.loadBalancer.describeGroups('lb-public', ports);
    expect(group?.backends[0]?.weight).toBe(2);
  });
});

describe('the endpoint of a region', () => {
  it('is the common one for the oldest regions, and its own for the others', async () => {
    await start();
    expect(clbEndpoint('cn-hangzhou')).toBe('slb.aliyuncs.com');
    expect(clbEndpoint('cn-zhangjiakou')).toBe('slb.cn-zhangjiakou.aliyuncs.com');
  });
});
