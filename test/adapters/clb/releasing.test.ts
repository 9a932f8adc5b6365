import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cloud, startCloud } from './cloud.ts';

let cloud: Cloud;
const tags = () => cloud.client.listTagResources('lb-public');
const groups = async () =>
  Object.fromEntries(
    (await cloud.client.describeVServerGroups('lb-public')).map((one) => [one.VServerGroupId, one.VServerGroupName]),
  );

beforeEach(async () => {
  cloud = await startCloud();
});

afterEach(async () => {
  await cloud.stop();
});

describe('what a release writes at the CLB', () => {
  it('is the named tags, and never another', async () => {
    await cloud.client.tagResources('lb-public', { 'kubernetes.do.not.delete': 'a1', 'ack.aliyun.com': 'c1' });
    expect(await tags()).toEqual({ team: 'shop', 'kubernetes.do.not.delete': 'a1', 'ack.aliyun.com': 'c1' });
    await cloud.client.untagResources('lb-public', ['kubernetes.do.not.delete']);
    expect(await tags()).toEqual({ team: 'shop', 'ack.aliyun.com': 'c1' });
    await cloud.client.untagResources('lb-public', ['kubernetes.do.not.delete', 'ack.aliyun.com']);
    expect(await tags()).toEqual({ team: 'shop' });
  });

  it('is never asked for without a tag, which the API would take for all', async () => {
    await expect(cloud.client.untagResources('lb-public', [])).rejects.toThrow(/without a key it would take every tag/);
    expect(cloud.asked).not.toContain('UntagResources');
    expect(await tags()).toEqual({ team: 'shop' });
  });

  it('is the name of a group, with backends and weights as they were', async () => {
    const before = await cloud.client.describeVServerGroupAttribute('rsp-pub-80');
    await cloud.client.renameVServerGroup('rsp-pub-80', 'istio-system.gw.80');
    expect(await groups()).toEqual({ 'rsp-pub-80': 'istio-system.gw.80', 'rsp-pub-443': 'public-443' });
    const { BackendServers } = await cloud.client.describeVServerGroupAttribute('rsp-pub-80');
    expect(BackendServers).toEqual(before.BackendServers);
  });
});
