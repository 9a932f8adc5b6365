import { exec } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '../../src/engine/preflight/check.ts';
import { type Operator, operatorOf } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';
import { writeMigration } from '../fixtures/running-serve.ts';

let home: string;
let file: string;
let sandbox: RunningSandbox;
let person: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-preflight-'));
  sandbox = await startSandbox('--mode', 'local', '--target-backends', '2');
  person = operatorOf(sandbox, home);
  const paths = 'paths: [http://shop.example.com/productpage, "https://shop.example.com/login"]';
  file = await writeMigration(home, 'shop', 'steps: [50%, 90%, 100%]', 'tolerance: 20', paths);
});

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

interface Answer {
  readonly code: number | null;
  readonly checks: readonly Check[];
}

/** A busy machine may need longer than the command's patience for the first answer. */
async function preflight(): Promise<Answer> {
  return until(async () => {
    const { code, stdout } = await sandbox.sluice('preflight', '-f', file, '--output', 'json');
    return code === 3 ? null : { code, checks: (JSON.parse(stdout) as { checks: Check[] }).checks };
  }, 90_000);
}

const notPassed = ({ checks }: Answer) =>
  checks.flatMap(({ id, status }) => (status === 'pass' || status === 'unknown' ? [] : [`${status} ${id}`]));

/** Runs a remedy as it is printed. */
async function paste({ checks }: Answer, id: string): Promise<void> {
  const remedy = checks.find((check) => check.id === id && check.remedy !== null)?.remedy ?? '';
  const kubeconfig = remedy.includes('istiogateway')
    ? sandbox.description.asm.kubeconfig
    : sandbox.description.ack.kubeconfig;
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: kubeconfig };
  await promisify(exec)(remedy, { env, timeout: 30_000 });
}

describe('sluice preflight, against a sandbox with policy Local', { timeout: 180_000 }, () => {
  it('warns of the node from which the address cannot be reached, and of nothing else', async () => {
    const answer = await preflight();
    expect(notPassed(answer)).toEqual(['warn same-address']);
    expect(answer.code).toBe(0);
    const found = answer.checks.find(({ id, status }) => id === 'same-address' && status === 'warn')?.found;
    expect(found).toMatch(
      /istio-ingressgateway-asm has policy Local and no pod on worker-3: from there 198\.51\.100\.10/,
    );
    expect(found).toContain('istio-ingressgateway-asm.istio-system');
  });

  it('compares what both gateways answer, and refuses where the target answers otherwise', async () => {
    await sandbox.control('PUT', '/gateways/target', { probes: false });
    const differing = await preflight();
    await sandbox.control('PUT', '/gateways/target', { probes: true });
    expect(differing.code).toBe(1);
    expect(notPassed(differing).sort()).toEqual(['fail parity', 'fail parity', 'fail probe', 'warn same-address']);
    const found = differing.checks.filter(({ id }) => id === 'parity').map((one) => one.found);
    expect(found[0]).toMatch(/asm answers http:\/\/shop.example.com\/productpage otherwise.*: status 503, and not 200/);
    const alike = (await preflight()).checks.filter(({ id }) => id === 'parity');
    expect(alike.map(({ status, found: text }) => [status, text.includes('with 200')])).toEqual([
      ['pass', true],
      ['pass', true],
    ]);
  });

  it('refuses what is spoilt, and its remedies mend it as they are pasted', async () => {
    await person.clb('SetLoadBalancerHTTPListenerAttribute', { Scheduler: 'rr', HealthCheckConnectPort: 30_544 });
    const { ack } = sandbox.description;
    await person.kubectl(ack.kubeconfig, 'patch', 'hpa', 'istio-ingressgateway', '-p', '{"spec":{"minReplicas":1}}');
    const broken = await preflight();
    expect(broken.code).toBe(1);
    expect(notPassed(broken).sort()).toEqual([
      'fail health-check-port',
      'fail scheduler',
      'fail source-capacity',
      'warn same-address',
    ]);
    await paste(broken, 'source-capacity');
    await paste(broken, 'same-address');
    // The vendor's own command line is not here: the same call, as its remedy names it.
    const scheduler = broken.checks.find(({ id }) => id === 'scheduler')?.remedy;
    expect(scheduler).toContain(
      'SetLoadBalancerHTTPListenerAttribute --LoadBalancerId lb-public --ListenerPort 80 --Scheduler wrr',
    );
    await person.clb('SetLoadBalancerHTTPListenerAttribute', { Scheduler: 'wrr', HealthCheckConnectPort: -520 });
    const mended = await until(async () => {
      const answer = await preflight();
      return answer.checks.every(({ id, status }) => id !== 'same-address' || status === 'pass') ? answer : null;
    }, 60_000);
    expect(notPassed(mended).filter((one) => one.startsWith('fail'))).toEqual([]);
    expect(mended.checks.find(({ id }) => id === 'source-capacity')?.status).toBe('pass');
  });
});
