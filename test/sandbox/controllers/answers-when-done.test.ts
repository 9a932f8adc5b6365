import { describe, expect, it } from 'vitest';
import { clbClient } from '../../../src/sandbox/clb/client.ts';
import { ClbModel } from '../../../src/sandbox/clb/model.ts';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { answersWhenDone } from '../../../src/sandbox/controllers/answers-when-done.ts';
import { type ClbApi, clbApi } from '../../../src/sandbox/controllers/clb-calls.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';
import { startingLoadBalancers } from '../../../src/sandbox/starting-objects.ts';

const clock = sandboxClock(100);
const backend = {
  serverId: 'eni-1',
  serverIp: '10.0.0.1',
  port: 8080,
  weight: 5,
  type: 'eni',
  description: 'd',
} as const;

/** One writer each, on one load balancer whose writes keep it locked for 1.2 s. */
function writers(count: number): readonly ClbApi[] {
  const model = new ClbModel({ random: seededRandom(1), busyMs: { min: 1_200, max: 1_200 } });
  for (const loadBalancer of startingLoadBalancers(false)) model.put(loadBalancer);
  const client = clbClient({ model, clock, faults: new Faults(seededRandom(1), () => clock.now()) });
  return Array.from({ length: count }, () => clbApi(answersWhenDone(client, clock), 'cn-hangzhou'));
}

describe('the write lock of a load balancer', () => {
  it('does not stop the writes that one Service makes one after the other', async () => {
    const [one] = writers(1);
    await one?.change('AddVServerGroupBackendServers', 'rsp-pub-80', [backend]);
    await one?.change('AddVServerGroupBackendServers', 'rsp-pub-443', [backend]);
    expect(await one?.backends('rsp-pub-443')).toEqual([backend]);
  });

  it('stops a second Service that writes meanwhile', async () => {
    const [one, two] = writers(2);
    await one?.change('AddVServerGroupBackendServers', 'rsp-pub-80', [backend]);
    await expect(two?.change('AddVServerGroupBackendServers', 'rsp-pub-443', [backend])).rejects.toThrow(
      'BackendServer.configuring',
    );
  });
});
