import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kubernetesClients } from '../../../src/adapters/kubernetes/clients.ts';
import { type CloudAccess, kubeconfigSource } from '../../../src/adapters/kubernetes/kubeconfig.ts';
import { kubernetesRouter } from '../../../src/adapters/kubernetes/router.ts';
import { systemClock } from '../../../src/adapters/system-clock.ts';
import { type Cloud, credentials, startCloud } from '../clb/cloud.ts';
import { clusterId, route, startWorld, type World } from './world.ts';

let world: World;
let cloud: Cloud;
let nowMs = Date.now();
const clock = { now: () => nowMs, sleep: () => Promise.resolve() };
beforeEach(async () => {
  nowMs = Date.now();
  world = await startWorld();
  const kubeconfigs: Record<string, string> = { [clusterId]: world.ack.kubeconfig, 'mesh-1': world.asm.kubeconfig };
  cloud = await startCloud({ kubeconfigOf: (id) => kubeconfigs[id] ?? null });
});
afterEach(async () => {
  await cloud.stop();
  await world.stop();
});

const access = (): CloudAccess => ({
  region: 'cn-hangzhou',
  credentials: () => credentials,
  containerEndpoint: cloud.endpoint,
  meshEndpoint: cloud.endpoint,
  protocol: 'http',
});

describe('a kubeconfig by reference', () => {
  it('is fetched from Alibaba Cloud, for a cluster and for a mesh, and works', async () => {
    const clients = kubernetesClients({
      clusters: { ack: { id: clusterId, kubeconfig: `ack:${clusterId}` } },
      meshes: { asm: { kubeconfig: 'asm:mesh-1' } },
      clock: systemClock(),
      cloud: access(),
    });
    const { source, target } = await kubernetesRouter(clients).read(route);
    clients.close();
    expect(source.carrier?.weight).toBe('100');
    expect(target.carrier?.weight).toBe('0');
  });

  it('is fetched once for many, and again five minutes before it runs out', async () => {
    const source = kubeconfigSource({ clock, cloud: access() });
    const load = () => source.load(`ack:${clusterId}`, null);
    const fetched = () => cloud.asked.filter((action) => action === 'DescribeClusterUserKubeconfig').length;
    await Promise.all([load(), load(), load()]);
    expect(fetched()).toBe(1);
    nowMs += 54 * 60_000;
    await load();
    expect(fetched()).toBe(1);
    nowMs += 2 * 60_000;
    await load();
    expect(fetched()).toBe(2);
  });

  it('is fetched again where an API server refused the one at hand', async () => {
    const source = kubeconfigSource({ clock, cloud: access() });
    const yaml = await source.load('asm:mesh-1', null);
    await source.load('asm:mesh-1', 'another one');
    expect(cloud.asked).toHaveLength(1);
    expect(await source.load('asm:mesh-1', yaml)).toBe(yaml);
    expect(cloud.asked).toHaveLength(2);
  });

  it('that Alibaba Cloud does not know is an error for good', async () => {
    const source = kubeconfigSource({ clock, cloud: access() });
    await expect(source.load('ack:c-unknown', null)).rejects.toMatchObject({ code: 'terminal' });
    await expect(source.load('asm:mesh-unknown', null)).rejects.toMatchObject({ code: 'terminal' });
  });

  it('is tried again after a failure that passed', async () => {
    const source = kubeconfigSource({ clock, cloud: access() });
    cloud.faults.put([{ where: 'clb', kind: 'error', status: 503 }]);
    await expect(source.load(`ack:${clusterId}`, null)).rejects.toMatchObject({ code: 'transient' });
    cloud.faults.clear();
    expect(await source.load(`ack:${clusterId}`, null)).toBe(world.ack.kubeconfig);
  });

  it('in a file is read from there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-kubeconfig-'));
    const file = join(folder, 'config');
    await writeFile(file, 'kind: Config\n', { mode: 0o600 });
    expect(await kubeconfigSource({ clock }).load(`file:${file}`, null)).toBe('kind: Config\n');
    await rm(folder, { recursive: true });
  });
});
