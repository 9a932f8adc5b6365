import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gatewayCommand } from '../../src/cli/gateway.ts';
import { sluice } from './terminal.ts';

let folder: string;
const seed = (name: string) => fileURLToPath(new URL(`../fixtures/seeds/${name}.yaml`, import.meta.url));
const seeds = ['001-ingress', '001-egress', '002-gateways', '004-serverless'].map(seed);
const gateway = (...args: readonly string[]) => sluice(gatewayCommand, 'gateway', ...args);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-gateway-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** The egress gateway of the documents with something else in it. */
function changed(name: string, from: string, to: string): string {
  const text = readFileSync(seed('001-egress'), 'utf8');
  expect(text).toContain(from);
  return write(name, text.replace(from, to));
}

describe('sluice gateway --check', () => {
  test('passes the manifests of the documents and tells their oddities', async () => {
    const { code, out } = await gateway('--check', ...seeds);
    expect(code).toBe(0);
    expect(out).toMatch(/001-ingress\.yaml:29: spec\.ports\[2\]\.targetPort: warning: 0 is no port/);
    expect(out).toMatch(/002-gateways\.yaml: 2 IstioGateways, valid \(4 warnings\)$/m);
  });

  test('tells every mistake with file, line and path, and ends with 1', async () => {
    const file = changed('two.yaml', 'runAsRoot: true', 'runAsRoot: yes please\n  gatewayClass: x');
    const { code, out } = await gateway('--check', seed('001-ingress'), file);
    expect(code).toBe(1);
    expect(out).toContain(`${file}:36: spec.runAsRoot: must be true or false, not "yes please"`);
    expect(out).toContain(`${file}:37: spec.gatewayClass: is not a known field`);
    expect(out).toContain(`${file}: not valid (2 mistakes, 7 warnings)`);
  });

  test('says the same as JSON', async () => {
    const file = changed('namespace.yaml', 'istio-system', 'default');
    const { code, out } = await gateway('--check', file, '--output', 'json');
    expect(code).toBe(1);
    const { isValid, files } = JSON.parse(out);
    expect(isValid).toBe(false);
    expect(files).toMatchObject([{ file, gateways: 1, isValid: false }]);
    expect(files[0].findings[0]).toEqual({
      status: 'fail',
      path: 'metadata.namespace',
      line: 5,
      message: 'must be istio-system, not "default": elsewhere a gateway does not start',
    });
  });

  test('where no gateway is found, nothing was checked', async () => {
    const file = write('service.yaml', 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\n');
    const alone = await gateway('--check', file);
    expect(alone.code).toBe(1);
    expect(alone.out).toContain('There is no IstioGateway in what was given.');
    expect((await gateway('--check', file, seed('001-ingress'))).code).toBe(0);
  });

  test('takes an old version into account', async () => {
    const file = changed('old.yaml', '- <cluster-id>', '- c1\n    - c2\n  overrides: { c2: { minReplicas: 2 } }');
    expect((await gateway('--check', file)).code).toBe(0);
    const { code, out } = await gateway('--check', file, '--asm-version', '1.15');
    expect(code).toBe(1);
    expect(out).toContain('spec.overrides.c2.minReplicas: can be set per cluster from ASM 1.16 on');
  });

  test.each<[readonly string[], RegExp]>([
    [[], /what is to be done\?/],
    [['--check'], /which file\?/],
    [['--check', '/nowhere.yaml'], /cannot read \/nowhere\.yaml: ENOENT/],
    [['--check', seed('001-ingress'), '--asm-version', 'new'], /--asm-version is a version such as 1\.18, not new/],
    [['--check', '--diff', seed('001-ingress')], /cannot be used with/],
    [['--diff', seed('001-ingress')], /which two files\?/],
    [['--diff', ...seeds.slice(0, 3)], /which two files\?/],
  ])('%j is wrong use', async (args, message) => {
    const { code, err } = await gateway(...args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

describe('sluice gateway --diff', () => {
  test('tells the fields that restart the pods and those that do not, and ends with 1', async () => {
    const file = changed('restart.yaml', 'replicaCount: 1', 'replicaCount: 2\n  env: [{ name: a, value: b }]');
    const { code, out } = await gateway('--diff', seed('001-egress'), file);
    expect(code).toBe(1);
    expect(out.split('\n')).toEqual(
      [
        'istio-system/egressgateway:',
        'no restart  spec.replicaCount  1 -> 2                                  adds pods or takes some away; the others go on',
        'restart     spec.env           (none) -> [{"name":"a","value":"b"}]    restarts the pods',
        'A rolling restart of the gateway’s pods follows.',
      ].map((line) =>
        expect.stringMatching(new RegExp(`^${line.replace(/[()[\]{}.]/g, '\\$&').replace(/ {2,}/g, ' +')}$`)),
      ),
    );
  });

  test('ports do not from ASM 1.16 on, which is what is meant where nothing is said', async () => {
    const file = changed('ports.yaml', 'targetPort: 80', 'targetPort: 8080');
    const newest = await gateway('--diff', seed('001-egress'), file);
    expect(newest).toMatchObject({ code: 0, err: 'Read for ASM 1.16 or later; for an older one give --asm-version.' });
    expect(newest.out).toContain('No pod is restarted.');
    const older = await gateway('--diff', seed('001-egress'), file, '--asm-version', '1.14', '--output', 'json');
    expect(older.code).toBe(1);
    expect(JSON.parse(older.out)).toEqual({
      asmVersion: '1.14',
      effect: 'restart',
      gateways: [
        {
          gateway: 'istio-system/egressgateway',
          effect: 'restart',
          changes: [
            {
              path: 'spec.ports[0].targetPort',
              before: 80,
              after: 8080,
              effect: 'restart',
              why: 'ports restart the pods before ASM 1.16',
            },
          ],
        },
      ],
    });
  });

  test('what no page describes cannot be told, which is no good news', async () => {
    const file = changed('root.yaml', 'runAsRoot: true', 'runAsRoot: false');
    const { code, out } = await gateway('--diff', seed('001-egress'), file);
    expect(code).toBe(1);
    expect(out).toContain('Whether the gateway’s pods are restarted cannot be told.');
  });

  test('the same file twice differs in nothing', async () => {
    expect(await gateway('--diff', seed('001-ingress'), seed('001-ingress'))).toMatchObject({
      code: 0,
      out: 'istio-system/myexample-customingressgateway: nothing differs',
    });
  });

  test('two gateways, and a gateway that is wrong, cannot be compared', async () => {
    expect(await gateway('--diff', seed('001-ingress'), seed('001-egress'))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/not two versions of the same gateways/),
    });
    const wrong = changed('wrong.yaml', 'serviceType: ClusterIP', 'serviceType: None');
    expect(await gateway('--diff', seed('001-egress'), wrong)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/spec\.serviceType: must be LoadBalancer, NodePort or ClusterIP/),
    });
    const service = write('other.yaml', 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\n');
    expect(await gateway('--diff', service, service)).toMatchObject({
      code: 2,
      err: `${service} holds no IstioGateway`,
    });
  });
});
