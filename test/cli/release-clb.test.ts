import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { releaseClbCommand } from '../../src/cli/release-clb.ts';
import { sandboxClock } from '../../src/sandbox/clock.ts';
import { Faults } from '../../src/sandbox/faults.ts';
import { ackResources } from '../../src/sandbox/kubernetes/resource-types.ts';
import { type ApiServer, startApiServer } from '../../src/sandbox/kubernetes/server.ts';
import { readManifest } from '../../src/sandbox/manifests.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { type Cloud, credentials, startCloud } from '../adapters/clb/cloud.ts';
import { sluice } from './terminal.ts';

const clock = sandboxClock(1);
let ack: ApiServer;
let cloud: Cloud;
let folder: string;

/** The sandbox's own API server and CLB, and a Service that shares its CLB by hand. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-release-'));
  const faults = new Faults(seededRandom(1), () => clock.now());
  ack = await startApiServer({ name: 'ack', place: 'ack', serves: ackResources, clock, faults });
  cloud = await startCloud();
  writeFileSync(join(folder, 'ack.yaml'), ack.kubeconfig);
  const service = await readManifest('source-services.yaml');
  put('namespaces', { metadata: { name: 'istio-system' } });
  put('services', service);
  vi.stubEnv('ALIBABA_CLOUD_ACCESS_KEY_ID', credentials.accessKeyId);
  vi.stubEnv('ALIBABA_CLOUD_ACCESS_KEY_SECRET', credentials.accessKeySecret);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all([ack.stop(), cloud.stop()]);
  rmSync(folder, { recursive: true });
});

function put(plural: Parameters<ApiServer['model']['put']>[0], object: object): void {
  ack.model.put(plural, object as Parameters<ApiServer['model']['put']>[1], clock.now());
}

function release(spec: string, ...more: readonly string[]) {
  const path = join(folder, 'shop.yaml');
  writeFileSync(
    path,
    `apiVersion: sluice/v1\nkind: Migration\nmetadata: { name: shop }\nspec: { ${spec}, steps: [100%] }\n`,
  );
  return sluice(releaseClbCommand, 'release-clb', '-f', path, '--ack-kubeconfig', join(folder, 'ack.yaml'), ...more);
}

const atClb = () => ['--clb-region', 'cn-hangzhou', '--clb-endpoint', cloud.endpoint, '--clb-protocol', 'http'];
const gateway = 'source: istio-system/istio-ingressgateway, target: istio-system/ingressgateway-asm';
const writes = () => cloud.asked.filter((action) => !/^(Describe|List)/.test(action));

describe('sluice release-clb', () => {
  test('refuses what it cannot verify, with every reason, and writes nothing', async () => {
    const { code, out, err } = await release(gateway, ...atClb(), '--apply', '--yes');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(
      'shop.yaml: spec.source: group rsp-pub-443 has no backend of Service ack/istio-system/istio-ingressgateway',
    );
    expect(err).toContain('Nothing was changed.');
    expect(writes()).toEqual([]);
  });

  test('says where the source is not there', async () => {
    const { code, err } = await release(gateway.replace('istio-ingressgateway,', 'elsewhere,'), ...atClb());
    expect(code).toBe(1);
    expect(err).toContain('spec.source: there is no Service istio-system/elsewhere in ack');
  });

  test('says that there is no CLB to release for subsets of a host', async () => {
    const route = '{ mesh: asm, virtualService: default/reviews, host: reviews, from: [v1], to: v3 }';
    const { code, err } = await release(`routes: [${route}]`, ...atClb());
    expect(code).toBe(1);
    expect(err).toContain('spec.routes: moves subsets of hosts');
  });

  test.each([
    ['without the CLB', [], 'give --clb-region'],
    ['with a time that is none', ['--for', 'soon'], '--for is a duration such as 3m, not soon'],
    ['with a form that it does not know', ['--output', 'xml'], '--output is table or json'],
  ])('is used wrongly %s', async (_, more, why) => {
    expect(await release(gateway, ...more)).toMatchObject({ code: 2, err: expect.stringContaining(why) });
  });

  test('knows no way to delete anything', async () => {
    const { err } = await release(gateway, ...atClb(), '--delete');
    expect(err).toContain("unknown option '--delete'");
  });
});
