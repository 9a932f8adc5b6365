import { describe, expect, it } from 'vitest';
import { actOnTimer } from '../../src/api/scheduling.ts';
import { InvalidInputError, NotFoundError } from '../../src/ports/errors.ts';
import { aWorld } from '../fixtures/world.ts';

const file = `apiVersion: sluice/v1
kind: Migration
metadata: { name: nightly }
spec:
  routes:
    - loadBalancer: lb-public
      source: { cluster: ack, service: istio-system/istio-ingressgateway }
      target: { mesh: asm, gateway: istio-system/ingressgateway-asm }
      ports: { 80: rsp-pub-80 }
  steps: [10%]
  finish: return
`;
const anEvent = (payload: string, triggerTime = '2026-11-21T02:00:00Z') =>
  Buffer.from(JSON.stringify({ triggerTime, triggerName: 'canary', payload }));

describe('a timer with a payload', () => {
  it('starts the migration in it, as the schedule that it is', async () => {
    const { ports } = aWorld();
    expect(await actOnTimer(ports, anEvent(file))).toMatchObject({ name: 'nightly', state: 'preflighting.checking' });
    expect((await ports.store.history('nightly', 10))[0]).toMatchObject({ kind: 'command', actor: 'schedule canary' });
  });
  it('that fires twice starts one run', async () => {
    const { ports } = aWorld();
    const first = await actOnTimer(ports, anEvent(file));
    const second = await actOnTimer(ports, anEvent(file));
    expect({ run: second.run, revision: second.revision }).toEqual({ run: first.run, revision: first.revision });
  });
  it('of another time finds the run before under way, and says so', async () => {
    const { ports } = aWorld();
    await actOnTimer(ports, anEvent(file));
    await expect(actOnTimer(ports, anEvent(file, '2026-11-22T02:00:00Z'))).rejects.toThrow(
      'nightly is under way already',
    );
  });
  it('aborts the migration that it names', async () => {
    const { ports } = aWorld();
    await actOnTimer(ports, anEvent(file));
    expect(await actOnTimer(ports, anEvent('{"abort": "nightly"}'))).toMatchObject({ state: 'refused' });
    await expect(actOnTimer(ports, anEvent('{"abort": "other"}'))).rejects.toThrow(NotFoundError);
  });
  it.each(['{ abort: nightly', 'steps: [10%]', '{"abort": 3}', ''])(
    'refuses %j with what is wrong in it',
    async (payload) => {
      await expect(actOnTimer(aWorld().ports, anEvent(payload))).rejects.toThrow(InvalidInputError);
    },
  );
});
