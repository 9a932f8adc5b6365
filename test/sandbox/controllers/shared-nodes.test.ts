import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClbModel } from '../../../src/sandbox/clb/model.ts';
import { type Live, type LiveOptions, startLive } from './live-sandbox.ts';

let live: Live | null = null;

afterEach(async () => {
  await live?.stop();
  live = null;
});

async function settled(options: LiveOptions): Promise<{ live: Live; calls: ReturnType<typeof watched> }> {
  const started = await startLive(options);
  live = started;
  await started.idle();
  return { live: started, calls: watched(started.clb) };
}

/** Every write from now on that the load balancer was asked for, with what became of it; it is carried out as ever. */
function watched(model: ClbModel) {
  const seen = vi.spyOn(model, 'call');
  return () =>
    seen.mock.calls.flatMap(([action, params], index) => {
      if (!/^(Add|Remove|Set)/.test(action)) return [];
      const answer = seen.mock.results[index]?.value as ReturnType<ClbModel['call']>;
      return [`${action} ${params['VServerGroupId']} ${answer.body['Code'] ?? 'ok'}`];
    });
}

const source = 'istio-ingressgateway';
const target = 'istio-ingressgateway-asm';

/** A change that changes nothing at the load balancer, and still reconciles the Service (reference A8). */
async function nudge(here: Live, service: string, value: string): Promise<void> {
  await here.annotate(service, 'nudge', value);
}

describe('two Services on the same nodes', () => {
  it('send all their weights anew at every reconcile, though nothing changed', async () => {
    const { live: here, calls } = await settled({ mode: 'cluster' });
    await nudge(here, source, '1');
    await here.idle();
    const written = ['SetVServerGroupAttribute rsp-pub-443 ok', 'SetVServerGroupAttribute rsp-pub-80 ok'];
    expect(
      calls()
        .filter((call) => call.endsWith(' ok'))
        .sort(),
    ).toEqual(written);
    expect(here.weights(source)).toEqual([33, 33, 33]);
    expect(here.weights(target)).toEqual([0, 0, 0]);
  });

  it('meet at the lock of the load balancer, fail, and try again until both are done', async () => {
    const { live: here, calls } = await settled({ mode: 'cluster' });
    const collisions = () => calls().filter((call) => call.endsWith(' BackendServer.configuring'));
    for (let round = 0; collisions().length === 0; round += 1) {
      if (round === 20) throw new Error('twenty rounds of two Services at once, and they never met');
      await Promise.all([nudge(here, source, `a${round}`), nudge(here, target, `b${round}`)]);
      await here.idle();
    }
    expect(calls().filter((call) => call.endsWith(' ok')).length).toBeGreaterThanOrEqual(4);
    expect(here.weights(source)).toEqual([33, 33, 33]);
    expect(here.weights(target)).toEqual([0, 0, 0]);
  });

  it('put annotated weights back over those set by hand, ignore-weight-update or not', async () => {
    const { live: here } = await settled({ mode: 'cluster' });
    await here.annotate(source, 'ignore-weight-update', 'on');
    await here.idle();
    await byHand(here, 7);
    await nudge(here, source, '1');
    await here.idle();
    expect(here.weights(source)).toEqual([33, 33, 33]);
  });
});

describe('two Services with interfaces of their own', () => {
  it('write nothing where nothing changed, and leave weights set by hand alone under ignore-weight-update', async () => {
    const { live: here, calls } = await settled({ mode: 'eni' });
    await here.annotate(source, 'ignore-weight-update', 'on');
    await here.idle();
    expect(calls()).toEqual([]);
    await byHand(here, 7);
    await nudge(here, source, '1');
    await here.idle();
    expect(calls()).toEqual(['SetVServerGroupAttribute rsp-pub-80 ok']);
    expect(here.weights(source)).toEqual([7, 7, 7]);
  });
});

/** What a person does in the console: the weights of the source's backends at port 80, past the annotations. */
async function byHand(here: Live, weight: number): Promise<void> {
  const own = here.backends().filter(({ description }) => description.split('/')[2] === source);
  const servers = own.map(({ serverId, serverIp, port, type }) => ({
    ServerId: serverId,
    ...(serverIp === '' ? {} : { ServerIp: serverIp }),
    Port: port,
    Type: type,
    Weight: weight,
  }));
  const params = { RegionId: 'cn-hangzhou', VServerGroupId: 'rsp-pub-80', BackendServers: JSON.stringify(servers) };
  // The controller's own write may still hold the lock.
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (here.clb.call('SetVServerGroupAttribute', params, here.clock.now()).status === 200) return;
    await here.clock.sleep(500);
  }
  throw new Error('the load balancer stays locked');
}
