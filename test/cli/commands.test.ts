import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { abortCommand } from '../../src/cli/abort.ts';
import { approveCommand } from '../../src/cli/approve.ts';
import { getCommand } from '../../src/cli/get.ts';
import { historyCommand } from '../../src/cli/history.ts';
import { listCommand } from '../../src/cli/list.ts';
import { pauseCommand } from '../../src/cli/pause.ts';
import { promoteCommand } from '../../src/cli/promote.ts';
import { resumeCommand } from '../../src/cli/resume.ts';
import { retryCommand } from '../../src/cli/retry.ts';
import { rollbackCommand } from '../../src/cli/rollback.ts';
import { schemaCommand } from '../../src/cli/schema.ts';
import { startCommand } from '../../src/cli/start.ts';
import { advance } from '../../src/engine/advance.ts';
import { aFile } from '../api/requests.ts';
import { answering, aTerminal, sluice, type Terminal } from './terminal.ts';

let terminal: Terminal;

beforeEach(async () => {
  terminal = await aTerminal();
});

afterEach(() => terminal.close());

const start = (text = aFile(), ...more: readonly string[]) =>
  sluice(startCommand, 'start', '-f', terminal.write(text), ...more);
const get = (...more: readonly string[]) => sluice(getCommand, 'get', 'shop-ingress', ...more);

/** Ticks as the timer would, with traffic on both sides, until a state is there. */
async function goOn(state: string, errors = 0): Promise<void> {
  const { world } = terminal;
  for (let tick = 0; tick < 300; tick += 1) {
    const record = await world.ports.store.load('shop-ingress');
    if (record?.state === state) return;
    await world.count('source', 100, 0);
    await world.count('target', 100, errors);
    if (record !== null) await advance(world.ports, 'shop-ingress', world.nowMs + 5000);
    world.nowMs += 1000;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never came to ${state}`);
}

describe('sluice start', () => {
  test('starts the file and says how to go on', async () => {
    expect(await start()).toEqual({
      code: 0,
      out: 'shop-ingress has started (run run1).\n  sluice get shop-ingress --watch\n  sluice abort shop-ingress',
      err: '',
    });
    expect((await terminal.world.ports.store.load('shop-ingress'))?.run).toBe('run1');
  });

  test('shows five mistakes with file, line and path, and asks no server', async () => {
    await terminal.server.stop();
    const text = aFile('Shop')
      .replace('share: 100, bake: 1m', 'share: 5, bake: 1 minute')
      .replace('settle: 0s', 'setle: 0s')
      .replace('sluice/v1', 'v1');
    const { code, err } = await start(text);
    expect(code).toBe(1);
    expect(err.split('\n').map((line) => line.replace(terminal.folder, '').replace(/: [^:]*$/, ''))).toEqual([
      '/shop.yaml:1: apiVersion',
      expect.stringContaining('/shop.yaml:3: metadata.name'),
      expect.stringContaining('/shop.yaml:10: spec.steps[1].bake'),
      expect.stringContaining('/shop.yaml:10: spec.steps[1].share'),
      expect.stringContaining('/shop.yaml:11: spec.setle'),
    ]);
  });

  test('shows what only the server can know', async () => {
    const { code, err } = await start(aFile().replace('cluster: ack', 'cluster: nowhere'));
    expect(code).toBe(1);
    expect(err).toContain('shop.yaml: spec.routes[0].source.cluster: cluster "nowhere" is not in');
  });

  test('names the migration that is in the way, with exit code 1', async () => {
    await start();
    const { code, err } = await start(aFile('second'));
    expect(code).toBe(1);
    expect(err).toContain('in use by migration shop-ingress');
  });

  test('a file that is not there is wrong use', async () => {
    expect(await sluice(startCommand, 'start', '-f', '/nowhere.yaml')).toMatchObject({
      code: 2,
      err: 'cannot read /nowhere.yaml: ENOENT',
    });
  });

  test('--wait ends with 0 when it has completed, one line a change', async () => {
    const [ended] = await Promise.all([start(aFile(), '--wait'), goOn('completed')]);
    expect(ended.code).toBe(0);
    expect(ended.out.split('\n').at(-1)).toMatch(
      /shop-ingress {2}completed {2}step 2 of 2 {2}asked 100 % {2}achieved 100 %/,
    );
  });

  test('--wait ends with 1 when it was rolled back', async () => {
    const [ended] = await Promise.all([start(aFile(), '--wait'), goOn('rolledBack', 50)]);
    expect(ended.code).toBe(1);
    expect(ended.out).toMatch(/rolledBack .*because errors: target 50/);
  });

  test('--wait ends with 0 when a canary has its baseline back', async () => {
    const [ended] = await Promise.all([start(`${aFile()}  finish: return\n`, '--wait'), goOn('rolledBack')]);
    expect(ended).toMatchObject({ code: 0 });
  });
});

describe('sluice get', () => {
  test('shows the three shares, every port, and what is allowed', async () => {
    await start();
    await goOn('progressing.baking');
    const { code, out } = await get();
    expect(code).toBe(0);
    expect(out.replace(/20\d\d-.*|19\d\d-.*/g, '<time>').split('\n')).toEqual([
      'shop-ingress',
      '  state      progressing.baking',
      '  step       1 of 2',
      expect.stringMatching(/^ {2}share {6}asked 10 %, achieved [\d.]+ %, observed /),
      expect.stringMatching(
        /^ {2}ports {6}lb-public:80 {2}rsp-pub-80 {2}source \d+ {2}target \d+ {2}asked 10 % {2}achieved 10 % {2}observed -$/,
      ),
      '  verdict    insufficient: errors: target no requests, source no requests; not shown yet: no requests of the target so far',
      '  entries    lb-public:80 answers: 200 in 5 ms',
      expect.stringMatching(/^ {2}waits for {2}the bake at 10 per cent$/),
      expect.stringMatching(/^ {2}allowed {4}.*pause.*abort/),
      '  changed    <time>',
    ]);
  });

  test('shows the verdict with its numbers when there is one', async () => {
    await start();
    await goOn('completed');
    const { out } = await get();
    expect(out).toMatch(/verdict {4}pass: errors: target 0/);
    expect(out).toMatch(/source 0 of \d+ failed, target 0 of \d+ failed/);
  });

  test('--output json is the API’s answer', async () => {
    await start();
    expect(JSON.parse((await get('--output', 'json')).out)).toMatchObject({
      name: 'shop-ingress',
      spec: { steps: [{}, {}] },
    });
  });

  test('--watch ends by itself with the migration', async () => {
    await start();
    const [ended] = await Promise.all([get('--watch', '--output', 'json'), goOn('completed')]);
    const states = ended.out.split('\n').map((line) => JSON.parse(line).state);
    expect(ended.code).toBe(0);
    expect(states.at(-1)).toBe('completed');
  });

  test('Ctrl-C ends a watch with 0, and nothing else', async () => {
    await start();
    const watching = get('--watch');
    await vi.waitFor(() => expect(process.listenerCount('SIGINT')).toBeGreaterThan(0));
    process.emit('SIGINT');
    expect((await watching).code).toBe(0);
    expect((await terminal.world.ports.store.load('shop-ingress'))?.isFinal).toBe(false);
    expect(process.listenerCount('SIGINT')).toBe(0);
  });

  test('a name that nobody has is exit code 1', async () => {
    const { code, err } = await get();
    expect(code).toBe(1);
    expect(err).toContain('there is no migration shop-ingress\n`sluice list` shows the names.');
  });
});

describe('sluice list and history', () => {
  test('list says when there is nothing, and one line each otherwise', async () => {
    expect((await sluice(listCommand, 'list')).out).toBe('There are no migrations.');
    await start();
    const { out } = await sluice(listCommand, 'list');
    expect(out.split('\n')[0]).toMatch(/^NAME +STATE +STEP +ASKED +ACHIEVED +OBSERVED +CHANGED$/);
    expect(out.split('\n')[1]).toMatch(/^shop-ingress {2}preflighting\.checking {2}0\/2/);
    expect(JSON.parse((await sluice(listCommand, 'list', '--output', 'json')).out).migrations).toHaveLength(1);
  });

  test('history is oldest first, with who did it', async () => {
    await start();
    await sluice(abortCommand, 'abort', 'shop-ingress', '--reason', 'wrong day');
    const { out } = await sluice(historyCommand, 'history', 'shop-ingress');
    expect(out.split('\n')[1]).toMatch(/run1 {2}command +alice +start shop-ingress$/);
    expect(out).toMatch(/command +alice: wrong day +abort/);
    const json = JSON.parse((await sluice(historyCommand, 'history', 'shop-ingress', '--output', 'json')).out);
    expect(json.history[0]).toMatchObject({ actor: 'alice', run: 'run1' });
  });
});

describe('commands of people', () => {
  test('tell the migration, and show it', async () => {
    await start();
    await goOn('progressing.baking');
    expect((await sluice(pauseCommand, 'pause', 'shop-ingress')).out).toMatch(/state {6}paused/);
    expect((await sluice(resumeCommand, 'resume', 'shop-ingress')).code).toBe(0);
    await goOn('progressing.baking');
    expect((await sluice(promoteCommand, 'promote', 'shop-ingress', '--all')).code).toBe(0);
    await goOn('completed');
    expect((await sluice(rollbackCommand, 'rollback', 'shop-ingress', '--reason', 'not yet')).out).toMatch(
      /rollingBack/,
    );
    await goOn('rolledBack');
  });

  test('a gate is approved by its id', async () => {
    await start(aFile().replace('{ share: 10, bake: 1m }', '{ share: 10, bake: 1m, gate: { expiresIn: 1h } }'));
    await goOn('progressing.gated');
    const [, id = ''] = /sluice approve shop-ingress --gate (\S+)/.exec((await get()).out) ?? [];
    expect((await sluice(approveCommand, 'approve', 'shop-ingress', '--gate', 'another')).code).toBe(1);
    expect((await sluice(approveCommand, 'approve', 'shop-ingress', '--gate', id)).code).toBe(0);
    await goOn('completed');
  });

  test('what the state does not allow is exit code 1, with the states in which it is', async () => {
    await start();
    const { code, err } = await sluice(retryCommand, 'retry', 'shop-ingress');
    expect(code).toBe(1);
    expect(err).toMatch(/cannot retry in state preflighting\.checking.*possible in: stuck/);
  });
});

describe('the way to the server', () => {
  test('without any is wrong use, and says how to get one', async () => {
    vi.stubEnv('SLUICE_SERVER', '');
    const { code, err } = await sluice(listCommand, 'list');
    expect(code).toBe(2);
    expect(err).toMatch(/--server URL[\s\S]*sluice sandbox[\s\S]*SLUICE_TOKEN/);
  });

  test.each([
    [['--server', 'ftp://x'], 2],
    [['--output', 'xml'], 2],
    [['--unknown'], 2],
    [['--server', 'http://127.0.0.1:1'], 3],
  ])('%j: exit code %i', async (options, code) => {
    expect((await sluice(listCommand, 'list', ...options)).code).toBe(code);
  });

  test('a wrong token says what to set', async () => {
    vi.stubEnv('SLUICE_TOKEN', 'wrong');
    const { code, err } = await sluice(listCommand, 'list');
    expect(code).toBe(1);
    expect(err).toMatch(/valid token is needed[\s\S]*SLUICE_TOKEN/);
    expect(err).not.toContain('wrong');
  });

  test('what Sluice depends on and says no is an answer: exit code 1', async () => {
    const detail = 'cluster ack: get services: forbidden (403); missing permission: get services in namespace a';
    const other = await answering(502, JSON.stringify({ type: 'urn:x', title: 't', status: 502, detail }));
    try {
      const ended = await sluice(listCommand, 'list', '--server', other.url);
      expect(ended).toMatchObject({ code: 1, err: detail });
    } finally {
      await other.stop();
    }
  });

  test.each([
    [200, '<html>a proxy</html>', 'not as Sluice does: <html>a proxy</html>'],
    [200, '{"something":"else"}', ''],
    [502, 'Bad Gateway', 'answered 502, but not as Sluice does: Bad Gateway'],
    [503, '{"type":"urn:x","title":"t","status":503,"detail":"the store is away"}', 'the store is away'],
  ])('an answer %i %s is nobody to talk to: exit code 3', async (status, text, told) => {
    const other = await answering(status, text);
    try {
      const { code, err } = await sluice(listCommand, 'list', '--server', other.url);
      expect(code).toBe(3);
      expect(err).toContain(told);
    } finally {
      await other.stop();
    }
  });
});

test('sluice schema prints the JSON Schema for editors', async () => {
  const { out, code } = await sluice(schemaCommand, 'schema');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ title: 'Sluice migration file', type: 'object' });
});
