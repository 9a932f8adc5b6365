import { describe, expect, it } from 'vitest';
import { finalizer, hashLabel, loadBalancerLabel } from '../../../src/sandbox/controllers/cloud-annotations.ts';
import { clusterId, world } from './memory-world.ts';

const reasons = (events: readonly { reason: string }[]): string[] => events.map((event) => event.reason);

describe('a weight that is no integer 0..100', () => {
  for (const weight of ['12.5', '101', '-1', 'abc', '10 ', '10%', ' 10', '9999999999999999999']) {
    it(`2.11 fails on "${weight}" and changes nothing`, async () => {
      const here = world({ version: '2.11' });
      await here.run();
      const hash = here.service.metadata?.labels?.[hashLabel];
      here.annotate('weight', weight);
      const message = `build lb local model error: build vserver groups error: build vgroup for port 80 error: weight must be integer in range [0,100] , got [${weight}]`;
      await expect(here.run()).rejects.toThrow(message);
      expect(here.weights()).toEqual([33, 33, 33]);
      expect(here.service.metadata?.labels?.[hashLabel]).toBe(hash);
      expect(here.events.at(-1)).toEqual({
        type: 'Warning',
        reason: 'SyncLoadBalancerFailed',
        message: `Error syncing load balancer []: ${message}`,
      });
    });

    it(`2.14 takes the Service out of the load balancer on "${weight}" and reports success`, async () => {
      const here = world({ version: '2.14' });
      await here.run();
      const hash = here.service.metadata?.labels?.[hashLabel];
      here.annotate('weight', weight);
      await here.run();
      expect(here.weights()).toEqual([]);
      expect(here.weights('rsp-pub-443')).toEqual([]);
      expect(here.service.metadata?.labels?.[hashLabel]).not.toBe(hash);
      expect(here.events.at(-1)).toEqual({
        type: 'Normal',
        reason: 'EnsuredLoadBalancer',
        message: 'Ensured load balancer [lb-public]',
      });
    });
  }
});

describe('vgroup-port', () => {
  it('with a space after the comma: 2.14 freezes that port, 2.11 fails', async () => {
    const silent = world({ version: '2.14' });
    const strict = world({ version: '2.11' });
    for (const here of [silent, strict]) {
      await here.run();
      here.annotate('vgroup-port', 'rsp-pub-80:80, rsp-pub-443:443');
      here.annotate('weight', '30');
    }
    await silent.run();
    expect(silent.weights()).toEqual([10, 10, 10]);
    expect(silent.weights('rsp-pub-443')).toEqual([33, 33, 33]);
    await expect(strict.run()).rejects.toThrow('can not find vgroupId  rsp-pub-443 in lb lb-public');
    expect(strict.weights()).toEqual([33, 33, 33]);
  });

  it('with a space after a port makes the controller create a group of its own', async () => {
    const here = world();
    here.annotate('vgroup-port', 'rsp-pub-80:80 ,rsp-pub-443:443');
    await here.run();
    expect(here.weights()).toEqual([]);
    expect([...here.groups.values()].map((group) => group.name)).toContain(`k8s/8080/gw/istio-system/${clusterId}`);
  });

  it('names a group without a port: an error in both versions', async () => {
    for (const version of ['2.11', '2.14'] as const) {
      const here = world({ version });
      here.annotate('vgroup-port', 'rsp-pub-80');
      await expect(here.run()).rejects.toThrow("vgroupid and protocol format must be like 'vsp-xxx:443'");
    }
  });

  it('maps two ports to one group: the first in the order of the spec has it', async () => {
    const here = world();
    here.annotate('vgroup-port', 'rsp-pub-80:80,rsp-pub-80:443');
    await here.run();
    expect(here.groups.get('rsp-pub-80')?.backends.map((one) => one.port)).toEqual([8080, 8080, 8080]);
  });

  it.each([
    ['2.11', 'build vgroup for port 80 error: cannot reuse a ccm created vgroup rsp-made for slb lb-public'],
    ['2.14', 'cleanup lb error: SDK.ServerError'],
  ] as const)('names a group that the controller made: version %s says "%s"', async (version, message) => {
    const here = world({ version });
    here.groups.set('rsp-made', { name: `k8s/8080/gw/istio-system/${clusterId}`, backends: [] });
    here.boundGroups.add('rsp-made');
    here.annotate('vgroup-port', 'rsp-made:80,rsp-pub-443:443');
    await expect(here.run()).rejects.toThrow(message);
  });
});

describe('what it writes back', () => {
  it('finalizer, hash and load balancer labels, address, and one event', async () => {
    const here = world();
    await here.run();
    expect(here.service.metadata?.finalizers).toEqual([finalizer]);
    expect(here.service.metadata?.labels?.[hashLabel]).toMatch(/^[0-9a-f]{56}$/);
    expect(here.service.metadata?.labels?.[loadBalancerLabel]).toBe('lb-public');
    expect(here.service.status?.loadBalancer?.ingress).toEqual([{ ip: '198.51.100.7' }]);
    expect(reasons(here.events)).toEqual(['EnsuredLoadBalancer']);
    expect(here.tags.get('kubernetes.reused.by.user')).toBe('true');
  });

  it('the hash follows every annotation, and nothing else is needed for it to change', async () => {
    const here = world();
    await here.run();
    const hash = here.service.metadata?.labels?.[hashLabel];
    await here.run();
    expect(here.service.metadata?.labels?.[hashLabel]).toBe(hash);
    here.service = {
      ...here.service,
      metadata: { ...here.service.metadata, annotations: { ...here.service.metadata?.annotations, nudge: '1' } },
    };
    await here.run();
    expect(here.service.metadata?.labels?.[hashLabel]).not.toBe(hash);
  });

  it('an error of the load balancer keeps its text and loses its code in the event', async () => {
    const here = world();
    here.refuses.set('AddVServerGroupBackendServers', {
      code: 'BackendServer.configuring',
      message: 'The backend server is configuring.',
    });
    await expect(here.run()).rejects.toThrow('BackendServer.configuring');
    const event = here.events.at(-1);
    expect(event?.reason).toBe('SyncLoadBalancerFailed');
    expect(event?.message).toContain(
      'Error syncing load balancer [lb-public]: Message: The backend server is configuring.',
    );
    expect(event?.message).not.toContain('BackendServer.configuring');
    expect(here.service.metadata?.labels?.[hashLabel]).toBeUndefined();
  });
});

describe('reuse of a load balancer', () => {
  it.each(['kubernetes.do.not.delete', 'ack.aliyun.com'])('is refused while it carries the tag %s', async (tag) => {
    const here = world();
    here.tags.set(tag, 'x');
    await expect(here.run()).rejects.toThrow(
      'alicloud: the loadbalancer lb-public can not be reused, can not reuse loadbalancer created by kubernetes.',
    );
    expect(here.weights()).toEqual([]);
  });

  it('is refused when the Service is bound to another address', async () => {
    const here = world();
    here.service = { ...here.service, status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } } };
    await expect(here.run()).rejects.toThrow(
      'service has been associated with ip [203.0.113.1], cannot be bound to ip [198.51.100.7]',
    );
  });

  it('is refused when the address type differs', async () => {
    const here = world();
    here.annotate('address-type', 'intranet');
    await expect(here.run()).rejects.toThrow('can not change LoadBalancer AddressType');
  });
});

describe('a pod whose network interface cannot be found', () => {
  it('is left out, and nothing is removed or re-weighted until it can', async () => {
    const known = new Set(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    const here = world({ eniOf: (address) => (known.has(address) ? `eni-${address}` : null) });
    await here.run();
    known.delete('10.0.0.3');
    here.annotate('weight', '10');
    await expect(here.run()).rejects.toThrow('has invalid backend in vservergroups');
    expect(here.weights()).toEqual([33, 33, 33]);
    expect(reasons(here.events)).toContain('SkipSyncBackends');
  });
});

describe('a Service that goes', () => {
  it('takes its own backends with it and leaves the groups', async () => {
    const here = world();
    const other = { serverId: 'i-9', serverIp: '', port: 80, weight: 9, type: 'ecs', description: 'by hand' } as const;
    here.groups.get('rsp-pub-80')?.backends.push(other);
    await here.run();
    here.service = { ...here.service, metadata: { ...here.service.metadata, deletionTimestamp: new Date(0) } };
    await here.run();
    expect(here.groups.get('rsp-pub-80')?.backends).toEqual([other]);
    expect(here.service.metadata?.finalizers).toEqual([]);
    expect(here.service.metadata?.labels).toEqual({});
    expect(here.events.at(-1)).toEqual({ type: 'Normal', reason: 'CleanLoadBalancer', message: 'Clean load balancer' });
  });
});
