import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

let home: string;
let sandbox: RunningSandbox;
let operator: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-deviations-'));
  sandbox = await startSandbox('--speed', '10', '--seed', '26', '--rate', '100');
  operator = operatorOf(sandbox, home);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

/** In the console: how the plain listener spreads its requests. */
const listener = (query: Readonly<Record<string, string | number>>) =>
  operator.clb('SetLoadBalancerHTTPListenerAttribute', query);
const plain = { Scheduler: 'wrr', StickySession: 'off' } as const;
const sticky = { StickySession: 'on', StickySessionType: 'insert', CookieTimeout: 600 } as const;

afterEach(() => listener(plain));

describe('a listener that does not spread its requests by weight', () => {
  it.each([
    ['rr', { ...plain, Scheduler: 'rr' }, 'listener 80 schedules by rr, which ignores weights: set it to wrr'],
    [
      'sticky',
      { ...plain, ...sticky },
      'listener 80 has session stickiness, which pins clients whatever the weights: turn it off',
    ],
  ])(
    'because it is %s, has its migration refused before anything is written, with what to do',
    async (kind, query, why) => {
      const weights = async () => [await operator.sourceWeight(), await operator.targetWeight()];
      await listener(query);
      const before = await weights();
      await operator.start(kind, 'steps: [10%]', 'notify: [ops]');
      expect((await operator.isIn(kind, 'refused')).reason).toBe(`lb-public: ${why}`);
      await until(async () => (await operator.chat(kind)).some((text) => text.includes(why)));
      expect(await weights()).toEqual(before);
    },
    60_000,
  );
});

describe('what the gateways count', () => {
  it('stands beside what the weights give, also where a listener set to rr makes the two differ', async () => {
    const name = 'observed';
    await operator.start(name, 'steps: [{ share: 90, bake: 12h }]', 'deadline: 20h', 'settle: 0s');
    await operator.isIn(name, 'progressing.baking');
    const isObserved = (share: number) =>
      until(async () => Math.abs(((await operator.get(name)).share.observed ?? -100) - share) <= 3, 60_000);
    await isObserved(90);
    await listener({ ...plain, Scheduler: 'rr' });
    await operator.isIn(name, 'held');
    await isObserved(50);
    const { stdout } = await sandbox.sluice('get', name);
    expect(stdout).toMatch(/share +asked 90 %, achieved 90 %, observed (4[789]|5[0123])(\.\d)? %/);
    expect(stdout).toMatch(
      /lb-public:80 +rsp-pub-80 +source 9 +target 81 +asked 90 % +achieved 90 % +observed (4[789]|5[0123])/,
    );
    expect(stdout).toMatch(/differs +listener 80 schedules by rr, not by weight/);
    await operator.send(name, 'abort');
    await operator.isIn(name, 'rolledBack');
  }, 120_000);
});
