import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QuietAnswer } from '../../src/api/view-schema.ts';
import { type Operator, operatorOf, sourceService } from '../fixtures/operator.ts';
import { type Ended, type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

const name = 'shop';
let home: string;
let sandbox: RunningSandbox;
let operator: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-retire-'));
  sandbox = await startSandbox('--speed', '3', '--seed', '31', '--rate', '50');
  operator = operatorOf(sandbox, home);
  await writeFile(join(home, 'sandbox.json'), JSON.stringify(sandbox.description));
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

interface Answer {
  readonly canGo: boolean;
  readonly checks: readonly { readonly id: string; readonly status: string; readonly found: string }[];
}

const ask = (...more: readonly string[]): Promise<Ended> =>
  sandbox.sluice(
    ...['retire', '-f', join(home, `${name}.yaml`), '--sandbox', join(home, 'sandbox.json'), '--quiet-for', '1m'],
    ...more,
  );

/** The questions that are not answered with yes; again while no function answers in time. */
async function retire(): Promise<{ readonly code: number | null; readonly open: readonly string[] }> {
  const { code, stdout } = await until(async () => {
    const ended = await ask('--output', 'json');
    return ended.code === 3 ? null : ended;
  }, 60_000);
  const { canGo, checks } = JSON.parse(stdout) as Answer;
  expect(canGo).toBe(code === 0);
  return { code, open: checks.flatMap(({ id, status }) => (status === 'pass' ? [] : [`${id} ${status}`])) };
}

/** What the agent beside the source's pods reports: all that its gateway counted, in the sandbox's own time. */
async function reportQuiet(): Promise<void> {
  const { url, token } = sandbox.description.functions;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const at = `${url}/v1/migrations/${name}`;
  const now = async () => {
    const answer = await fetch(`${at}/quiet?for=1m`, { headers });
    return answer.ok ? ((await answer.json()) as QuietAnswer) : null;
  };
  const counted = async () => (await sandbox.counters()).source.sinceStart.requests;
  const [begun, before] = [await until(now), await counted()];
  const from = Date.parse(begun.to) / 1000;
  const ended = await until(async () => {
    const answer = await now();
    return answer !== null && Date.parse(answer.to) / 1000 > from + 75 ? answer : null;
  }, 60_000);
  const seconds = Date.parse(ended.to) / 1000 - from;
  const requests = (await counted()) - before;
  const samples = [
    { side: 'source', instance: 'agent', from, seconds, requests, errors: 0, direct: 0, connections: 0 },
  ];
  await until(async () => {
    const answer = await fetch(`${at}/signals`, { method: 'POST', headers, body: JSON.stringify({ samples }) });
    return answer.status === 202;
  });
}

describe('sluice retire', () => {
  it('says no while the gateway has traffic, and what needs it', async () => {
    await operator.start(name, 'steps: [{ share: 100, bake: 12h }]', 'deadline: 20h', 'undoFor: 10s');
    await operator.isIn(name, 'progressing.baking');
    const { code, open } = await retire();
    expect(code).toBe(1);
    expect(open).toContain('ended fail');
  }, 90_000);

  it('cannot tell once it is closed and nobody counts at the gateway any more', async () => {
    await operator.send(name, 'promote');
    await operator.isIn(name, 'closed');
    // Until the last samples of the sandbox's own agent, which ends with the migration, are too old to prove anything.
    await until(async () => {
      const { code, open } = await retire();
      return code === 1 && open.join() === 'requests unknown,connections unknown';
    }, 90_000);
  }, 120_000);

  it('says yes when it was quiet for so long, and deletes nothing', async () => {
    await reportQuiet();
    const { code, stdout, stderr } = await ask();
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stderr: '' });
    expect(stdout).toContain(`Nothing needs the old gateway of ${name} any more. Sluice deletes nothing`);
    expect(
      await operator.kubectl(sandbox.description.ack.kubeconfig, 'get', 'service', sourceService, '-o', 'name'),
    ).toBe(`service/${sourceService}`);
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  }, 120_000);

  it('says no again where another Service selects its pods, or another name leads to it', async () => {
    const { kubeconfig } = sandbox.description.ack;
    const selecting = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'admin' } };
    const spec = { selector: { app: sourceService }, ports: [{ port: 8080 }] };
    const file = join(home, 'services.json');
    const named = {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'door' } },
      spec: { type: 'ExternalName', externalName: `${sourceService}.istio-system.svc.cluster.local` },
    };
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [{ ...selecting, spec }, named] }));
    await operator.kubectl(kubeconfig, 'apply', '-f', file);
    const { code, open } = await retire();
    expect(code).toBe(1);
    expect(open).toEqual(expect.arrayContaining(['callers fail', 'selected fail']));
  }, 90_000);

  it('is used wrongly without what it has to read', async () => {
    expect(await ask('--quiet-for', 'long')).toMatchObject({ code: 2, stderr: expect.stringContaining('such as 10m') });
    const file = join(home, `${name}.yaml`);
    const { ack } = sandbox.description;
    const blind = await sandbox.sluice('retire', '-f', file, '--ack-kubeconfig', ack.kubeconfig);
    expect(blind).toMatchObject({ code: 2, stderr: expect.stringContaining('--clb-region') });
  });
});
