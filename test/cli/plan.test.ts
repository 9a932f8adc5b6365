import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { planCommand } from '../../src/cli/plan.ts';
import { showWeights } from '../../src/cli/plan-table.ts';
import { startCommand } from '../../src/cli/start.ts';
import { ForbiddenError } from '../../src/ports/errors.ts';
import { aFile } from '../api/requests.ts';
import { aTerminal, sluice, type Terminal } from './terminal.ts';

let terminal: Terminal;

beforeEach(async () => {
  terminal = await aTerminal();
});

afterEach(() => terminal.close());

const plan = (text = aFile(), ...more: readonly string[]) =>
  sluice(planCommand, 'plan', '-f', terminal.write(text), ...more);

const threeSteps = (text: string) =>
  text.replace('[{ share: 10, bake: 1m }', '[{ share: 10, bake: 10m }, { share: 50, bake: 30m }');

describe('sluice plan', () => {
  test('shows each step of each port as it will be at the load balancer', async () => {
    await terminal.world.count('source', 400, 0);
    const { out, ...rest } = await plan(threeSteps(aFile()));
    expect(rest).toEqual({ code: 0, err: '' });
    expect(out).toBe(
      [
        'lb-public:80  rsp-pub-80  smallest share 2.9 %',
        '  source: 3 pods (eni), weight "100"',
        '  target: 3 pods (eni), weight "0"',
        '  ASKED  ACHIEVED  WEIGHTS  SOURCE  TARGET  BETWEEN  WRITES          REQUESTS  END',
        '  10 %   10 %      83/11    3x27    3x3     8.3 %    target, source  24000     +10m',
        '  50 %   50 %      100/100  3x33    3x33    8.3 %    source, target  360000    +40m',
        '  100 %  100 %     0/100    3x0     3x33    -        source          24000     +41m',
        '',
        'Requests are counted on at 400 a second, all ports together.',
        'How long a write takes here is not measured (sluice rehearse): shifts count as instant.',
        'Advice on step 3: the step at 100 per cent leaves no control traffic: it is judged against what the',
        "source was like before, and an outage of everything looks like the target's own. Take a step at 90",
        'to 95 per cent before it.',
      ].join('\n'),
    );
  });

  test('ends with 1 where a step cannot be reached, and says what would help', async () => {
    terminal.world.side.source.pods = 40;
    terminal.world.side.target.pods = 40;
    const { code, out, err } = await plan();
    expect(code).toBe(1);
    expect(err).toBe('');
    expect(out).toContain('  10 %   33.3 % (!)  100/79   40x2    40x1    -        target          -         +1m');
    expect(out.split('\n').filter((line) => /^ {2}\(!\)|^ {6}/.test(line))).toEqual([
      '  (!) 10 % cannot be reached: the nearest share is 33.3 per cent, 23.3 points off with 2 allowed',
      '      reached with 10 ready replicas of the target: 11.1 %',
    ]);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test('prints the plan and nothing else as JSON', async () => {
    const { code, out } = await plan(aFile(), '--output', 'json');
    expect(code).toBe(0);
    const [route] = JSON.parse(out).routes;
    expect(route.loadBalancer).toBe('lb-public');
    expect(route.ports[0]).toMatchObject({
      port: 80,
      group: 'rsp-pub-80',
      source: { backends: 3, mode: 'eni' },
      target: { backends: 3, mode: 'eni' },
      smallestShare: (3 / 102) * 100,
      steps: [
        { asked: 10, weights: { source: 83, target: 11 }, achieved: 10, reachable: true },
        { asked: 100, weights: { source: 0, target: 100 }, achieved: 100, reachable: true },
      ],
    });
    expect(JSON.parse(out).advice).toMatchObject([{ step: 2, text: expect.stringContaining('90 to 95 per cent') }]);
  });

  test('tells on stderr what else a start would be refused for; every step can be reached all the same', async () => {
    terminal.world.listeners = [];
    const { code, err } = await plan();
    expect(code).toBe(0);
    expect(err).toBe('the preflight would refuse it: lb-public: no listener uses rsp-pub-80 (port 80)');
  });

  test('of a short form whose gateways may not be read names the missing right, as a start does', async () => {
    const { ports } = terminal.world;
    const found = 'cluster ack: list services: forbidden (403); missing permission: list services in namespace a';
    const discover = async () => {
      throw new ForbiddenError(found);
    };
    terminal.world.ports = { ...ports, router: { ...ports.router, discover } };
    const [head] = aFile().split('spec:');
    const file = `${head}spec: { source: a/source, target: a/target, steps: [50%] }\n`;
    expect(await plan(file)).toMatchObject({ code: 1, err: `the preflight would refuse it: ${found}` });
    const started = await sluice(startCommand, 'start', '-f', terminal.write(file));
    expect(started).toEqual({ code: 1, out: '', err: `readable: ${found}` });
  });

  test('starts nothing', async () => {
    await plan();
    expect(await terminal.world.ports.store.names(10)).toEqual([]);
    expect(terminal.world.calls.filter((call) => /write|keep|invoke|post/.test(call))).toEqual([]);
  });

  test('shows the mistakes of a file with their lines, and those that only the server can know', async () => {
    const { code, err } = await plan(aFile().replace('settle: 0s', 'setle: 0s'));
    expect({ code, err: err.replace(terminal.folder, '') }).toEqual({
      code: 1,
      err: expect.stringMatching(/^\/shop\.yaml:11: spec\.setle: /),
    });
    const other = await plan(aFile().replace('cluster: ack', 'cluster: nowhere'));
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining('cluster "nowhere"') });
  });

  test('a file that is not there is wrong use, a server that is not there cannot be reached', async () => {
    expect(await sluice(planCommand, 'plan', '-f', '/nowhere.yaml')).toMatchObject({ code: 2 });
    expect(await plan(aFile(), '--server', 'http://127.0.0.1:9')).toMatchObject({ code: 3 });
  });
});

describe('a list of backend weights', () => {
  test.each([
    [[], '-'],
    [[5], '5'],
    [[5, 2, 2], '5,2x2'],
    [Array(20).fill(4), '20x4'],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], '1,2,3,4,5,6,7,8...'],
  ])('%j is %s', (weights, text) => {
    expect(showWeights(weights)).toBe(text);
  });
});
