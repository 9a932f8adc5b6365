import { afterEach, describe, expect, it } from 'vitest';
import { type Live, type LiveOptions, startLive } from './live-sandbox.ts';

let live: Live | null = null;

afterEach(async () => {
  await live?.stop();
  live = null;
});

async function settled(options: LiveOptions): Promise<Live> {
  const started = await startLive(options);
  live = started;
  await started.idle();
  return started;
}

const source = 'istio-ingressgateway';

/** Another program of the account reads groups until no more calls of that kind are allowed; all others are. */
function exhaustReads(here: Live): void {
  here.clb.limitCalls({ burst: 50, perSecond: 0 });
  const params = { RegionId: 'cn-hangzhou', VServerGroupId: 'rsp-pub-80' };
  let status = 200;
  for (let call = 0; call <= 50; call += 1) {
    status = here.clb.call('DescribeVServerGroupAttribute', params, here.clock.now()).status;
  }
  expect(status).toBe(400);
}

async function hashOf(here: Live): Promise<string | undefined> {
  return (await here.service(source)).metadata?.labels?.['service.beta.kubernetes.io/hash'];
}

async function countOf(here: Live, reason: string): Promise<number> {
  return (await here.events(reason)).reduce((sum, { count }) => sum + (count ?? 1), 0);
}

describe('a cloud controller that may not read groups any more', () => {
  it('of 2.14 takes them for empty: adds what is there, sets no weight, and says that all is well', async () => {
    const here = await settled({ version: '2.14' });
    const hash = await hashOf(here);
    const ensured = await countOf(here, 'EnsuredLoadBalancer');
    exhaustReads(here);
    await here.annotate(source, 'weight', '30');
    await here.idle();
    expect(here.weights(source)).toEqual([33, 33, 33]);
    expect(await hashOf(here)).not.toBe(hash);
    expect(await countOf(here, 'EnsuredLoadBalancer')).toBeGreaterThan(ensured);
    expect(await here.events('SyncLoadBalancerFailed')).toEqual([]);
  });

  it('of 2.14 does not come back to it by itself when it may read again, only at the next event', async () => {
    const here = await settled({ version: '2.14' });
    exhaustReads(here);
    await here.annotate(source, 'weight', '30');
    await here.idle();
    here.clb.limitCalls(null);
    await here.idle();
    expect(here.weights(source)).toEqual([33, 33, 33]);
    await here.annotate(source, 'nudge', '1');
    await here.idle();
    expect(here.weights(source)).toEqual([10, 10, 10]);
  });

  it('of 2.11 fails, says so, and sets the weight when it may read again', async () => {
    const here = await settled({ version: '2.11' });
    exhaustReads(here);
    await here.annotate(source, 'weight', '30');
    for (let look = 0; (await here.events('SyncLoadBalancerFailed')).length === 0; look += 1) {
      if (look === 500) throw new Error('the controller never failed');
      await here.clock.sleep(2_000);
    }
    const [event] = await here.events('SyncLoadBalancerFailed');
    expect(event?.message).toContain('Message: Request was denied due to user flow control.');
    expect(here.weights(source)).toEqual([33, 33, 33]);
    here.clb.limitCalls(null);
    await here.idle();
    expect(here.weights(source)).toEqual([10, 10, 10]);
  });
});
