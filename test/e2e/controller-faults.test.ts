import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf, sourceService, targetService } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

const vgroupPort = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-vgroup-port';
const nudgeKey = 'sluice.dev/nudge';

describe.each(['2.14', '2.11'])('a cloud controller of version %s', (version) => {
  let home: string;
  let sandbox: RunningSandbox;
  let operator: Operator;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'sluice-e2e-controller-'));
    sandbox = await startSandbox('--controller', version, '--speed', '4', '--seed', '23', '--rate', '20');
    operator = operatorOf(sandbox, home);
  }, 90_000);

  afterAll(async () => {
    await sandbox?.stop();
    await rm(home, { recursive: true, force: true });
  });

  const fault = (kind: string) => sandbox.control('PUT', '/faults', [{ where: 'controller', kind }]);
  const heal = () => sandbox.control('DELETE', '/faults');
  const start = (name: string) =>
    operator.start(name, 'steps: [{ share: 50, bake: 12h }]', 'deadline: 20h', 'notify: [ops]');
  const waitsFor = (name: string, words: RegExp) =>
    until(async () => words.test((await operator.get(name)).waitingFor ?? ''), 40_000);
  const annotation = async (key: string): Promise<string> => {
    const path = `{.metadata.annotations.${key.replaceAll('.', '\\.')}}`;
    return operator.kubectl(
      sandbox.description.ack.kubeconfig,
      ...['get', 'service', targetService, '-o', `jsonpath=${path}`],
    );
  };
  const target = (group: string) => sandbox.weights(group, targetService);

  async function expectBaseline(): Promise<void> {
    for (const group of ['rsp-pub-80', 'rsp-pub-443']) {
      expect(await sandbox.weights(group, sourceService)).toEqual([33, 33, 33]);
      expect(await target(group)).toEqual([0, 0, 0]);
    }
  }

  it('that fails and heals within its retries is waited for', async () => {
    await fault('error');
    await start('heals');
    await waitsFor('heals', /fails for Service istio-system\/istio-ingressgateway-asm and tries again: Error syncing/);
    await heal();
    await operator.isIn('heals', 'progressing.baking');
    expect((await operator.get('heals')).share.achieved).toBe(50);
    await operator.send('heals', 'abort');
    await operator.isIn('heals', 'rolledBack');
    await expectBaseline();
  }, 90_000);

  it('that goes on failing fails the shift: people read its own words, and the traffic goes back', async () => {
    await fault('error');
    await start('fails');
    await operator.isIn('fails', 'rollingBack');
    await heal();
    const { reason } = await operator.isIn('fails', 'rolledBack');
    expect(reason).toMatch(/Error syncing load balancer .*: the controller was told to fail/);
    expect((await operator.chat('fails')).join('\n')).toContain('the controller was told to fail');
    await expectBaseline();
  }, 90_000);

  it('that did not notice the write is nudged, by an annotation that changes no weight', async () => {
    expect(await annotation(nudgeKey)).toBe('');
    await fault('drop');
    await start('drops');
    await waitsFor(
      'drops',
      /the cloud controller has not processed Service istio-system\/istio-ingressgateway-asm yet/,
    );
    await heal();
    await operator.isIn('drops', 'progressing.baking');
    expect(await annotation(nudgeKey)).toMatch(/^\d+$/);
    await operator.send('drops', 'abort');
    await operator.isIn('drops', 'rolledBack');
    await expectBaseline();
  }, 90_000);

  it('that cannot read a port of the Service is found out, whether it says so or reports success', async () => {
    await fault('drop');
    await start('unread');
    await waitsFor('unread', /has not processed Service/);
    // A space after the comma, as in many an example (reference A4): from now on nobody finds the group of port 443.
    const serviceAnnotations = { [vgroupPort]: 'rsp-pub-80:80, rsp-pub-443:443' };
    await heal();
    await operator.kubectl(
      sandbox.description.asm.kubeconfig,
      ...['patch', 'istiogateway', 'ingressgateway-asm', '--type', 'merge'],
      ...['-p', JSON.stringify({ spec: { serviceAnnotations } })],
    );
    const said = version === '2.14' ? /reports success .* in rsp-pub-443 has weight 0, not / : /can not find vgroupId/;
    const { reason } = await operator.isIn('unread', 'rollingBack');
    expect(reason).toMatch(said);
    expect(await target('rsp-pub-443')).toEqual([0, 0, 0]);
  }, 90_000);
});
