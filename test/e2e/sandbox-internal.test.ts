import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

interface Counted {
  readonly sinceStart: { readonly requests: number };
}

type BySide = Readonly<Record<'source' | 'target', Counted>>;
type CountersByLoadBalancer = BySide & { readonly loadBalancers: Readonly<Record<string, BySide>> };

const run = promisify(execFile);
let sandbox: RunningSandbox;

beforeAll(async () => {
  sandbox = await startSandbox('--speed', '10', '--internal');
}, 90_000);

afterAll(async () => {
  await sandbox.stop();
});

const read = () => sandbox.control<CountersByLoadBalancer>('GET', '/counters');
const requestsAt = (counters: CountersByLoadBalancer, id: string, side: 'source' | 'target') =>
  counters.loadBalancers[id]?.[side].sinceStart.requests ?? Number.NaN;

describe('a sandbox with a second load balancer', () => {
  it('prints an entry for each, and both answer', async () => {
    const { entries } = sandbox.description;
    expect(Object.keys(entries)).toEqual(['lb-public', 'lb-internal']);
    expect(Object.keys(entries['lb-internal'] ?? {})).toEqual(['80']);
    const page = await (await fetch(`${entries['lb-internal']?.['80']}/productpage`)).json();
    expect(page).toMatchObject({ side: 'source' });
  });

  it('has half of the clients’ requests at each, and tells them apart', async () => {
    const before = await read();
    const now = await until(async () => {
      const counters = await read();
      return counters.source.sinceStart.requests >= before.source.sinceStart.requests + 1000 ? counters : null;
    });
    const more = (id: string) => requestsAt(now, id, 'source') - requestsAt(before, id, 'source');
    expect(more('lb-public') + more('lb-internal')).toBe(
      now.source.sinceStart.requests - before.source.sinceStart.requests,
    );
    expect(Math.abs(more('lb-public') - more('lb-internal'))).toBeLessThan(50);
    expect(requestsAt(now, 'lb-internal', 'target')).toBe(0);
  });

  it('moves the traffic of one of them alone, as its Services say', async () => {
    const annotation = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-weight';
    const kubeconfig = ['--kubeconfig', sandbox.description.ack.kubeconfig, '-n', 'istio-system'];
    await run('kubectl', [
      ...kubeconfig,
      'annotate',
      '--overwrite',
      'svc/istio-ingressgateway-asm-2',
      `${annotation}=100`,
    ]);
    const now = await until(async () => {
      const counters = await read();
      return requestsAt(counters, 'lb-internal', 'target') >= 200 ? counters : null;
    });
    expect(requestsAt(now, 'lb-public', 'target')).toBe(0);
    expect(now.target.sinceStart.requests).toBe(requestsAt(now, 'lb-internal', 'target'));
  });
});
