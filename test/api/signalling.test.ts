import * as v from 'valibot';
import { beforeEach, describe, expect, test } from 'vitest';
import { signalsAnswerSchema } from '../../src/api/schemas.ts';
import { advance } from '../../src/engine/advance.ts';
import { aFile, anInstallation, type Installation, yaml } from './requests.ts';

let installation: Installation;
/** Seconds of the store's clock when a test begins. */
let now: number;

beforeEach(() => {
  installation = anInstallation();
  installation.world.nowMs = 1_700_000_000_000;
  now = 1_700_000_000;
});

const path = '/v1/migrations/shop-ingress/signals';
const sample = (fields: object = {}) => ({
  ...{ side: 'target', instance: 'gw-1', from: now - 60, seconds: 5, requests: 100, errors: 1 },
  ...fields,
});
const push = (...samples: readonly unknown[]) => installation.send({ method: 'POST', path, body: { samples } });
const kept = () => installation.world.ports.signals.read('shop-ingress', 0);

/** The remarks of an answer as `reason: places`, after its schema. */
async function remarksOn(...samples: readonly unknown[]): Promise<readonly string[]> {
  const answer = await push(...samples);
  expect(answer.status).toBe(202);
  const { remarks } = v.parse(signalsAnswerSchema, answer.json);
  return remarks.map(({ reason, count, samples: places }) => `${reason} ${count}: ${places.join(' ')}`);
}

describe('a program that reports is told', () => {
  test('nothing where every sample counts as it is', async () => {
    expect(await remarksOn(sample(), sample({ side: 'source' }), sample({ instance: 'gw-2' }))).toEqual([]);
  });

  test('of samples that were there already, in the same request or in one before', async () => {
    expect(await remarksOn(sample(), sample())).toEqual(['repeated 1: 1']);
    expect(await remarksOn(sample(), sample({ from: now - 55 }), sample())).toEqual(['repeated 2: 0 2']);
    expect(await kept()).toHaveLength(2);
  });

  test('of the same interval with other numbers, of which the larger count, whichever came first', async () => {
    await push(sample());
    expect(await remarksOn(sample({ requests: 120, errors: 3 }))).toEqual(['conflict 1: 0']);
    expect(await remarksOn(sample({ requests: 90 }), sample({ side: 'source' }))).toEqual(['conflict 1: 0']);
    expect(await kept()).toMatchObject([{ side: 'target', requests: 120, errors: 3 }, { side: 'source' }]);
  });

  test('of intervals that end ahead of the clock, and of those too long to be judged', async () => {
    const ahead = sample({ from: now - 1, seconds: 60 });
    expect(await remarksOn(ahead, sample({ from: now - 3600, seconds: 400 }), sample({ from: now - 3 }))).toEqual([
      'long 1: 1',
      'ahead 1: 0',
    ]);
  });

  test('of at most twenty places a reason, and of how many there are', async () => {
    const remarks = await remarksOn(...Array.from({ length: 60 }, () => sample()));
    expect(remarks).toEqual([`repeated 59: ${Array.from({ length: 20 }, (_, index) => index + 1).join(' ')}`]);
  });

  test('of load balancers that no route of the migration goes through', async () => {
    const through = (loadBalancer: string, from: number) => sample({ loadBalancer, from });
    expect(await remarksOn(through('lb-other', now - 50))).toEqual([]);
    await start();
    expect(await remarksOn(through('lb-other', now - 40), through('lb-public', now - 40))).toEqual(['elsewhere 1: 0']);
  });

  test('of intervals that were judged without them', async () => {
    await start();
    await run(120);
    expect(
      await remarksOn(sample({ instance: 'late', from: now - 60 }), sample({ instance: 'new', from: now - 5 })),
    ).toEqual(['late 1: 0']);
  });
});

async function start(): Promise<void> {
  const answer = await installation.send({ method: 'POST', path: '/v1/migrations', headers: yaml, body: aFile() });
  expect(answer.status).toBe(201);
}

/** So many seconds in which both sides count every five seconds and the migration looks at it. */
async function run(seconds: number): Promise<void> {
  const { world } = installation;
  for (let at = 0; at < seconds; at += 5) {
    world.nowMs += 5_000;
    now = world.nowMs / 1000;
    const both = (['source', 'target'] as const).map((side) =>
      sample({ side, from: now - 5, requests: 10, errors: 0 }),
    );
    expect((await push(...both)).status).toBe(202);
    await advance(world.ports, 'shop-ingress', world.nowMs + 20_000);
  }
}

describe('a request with mistakes', () => {
  /** What is sent instead of a sample, and where and what is said of it. */
  const mistakes: readonly (readonly [what: string, fields: object, place: string, message: RegExp])[] = [
    ['a negative count', { requests: -1 }, '.requests', /whole number/],
    ['a negative number of errors', { errors: -3 }, '.errors', /whole number/],
    ['a fraction', { requests: 1.5 }, '.requests', /whole number/],
    ['no number (NaN and Infinity become null in JSON)', { requests: Number.NaN }, '.requests', /whole number/],
    ['a number as text', { errors: '1' }, '.errors', /whole number/],
    ['a number beyond all bounds', { requests: 1e300 }, '.requests', /whole number/],
    ['more errors than requests', { requests: 1, errors: 2 }, '', /more errors than requests/],
    ['more slow requests than requests', { slow: 101 }, '', /more slow requests/],
    ['more direct requests than requests', { direct: 101 }, '', /more direct requests/],
    ['direct requests through a load balancer', { direct: 1, loadBalancer: 'lb-1' }, '', /names a load balancer/],
    ['a side that does not exist', { side: 'middle' }, '.side', /source or target/],
    ['a side that is no text', { side: ['target'] }, '.side', /source or target/],
    ['an instance name of 129 characters', { instance: 'x'.repeat(129) }, '.instance', /1 to 128/],
    ['an instance name with a line break', { instance: 'gw\n1' }, '.instance', /without spaces/],
    ['no instance', { instance: undefined }, '.instance', /missing/],
    ['a load balancer with a space', { loadBalancer: 'lb 1' }, '.loadBalancer', /id of a CLB/],
    ['the far future', { from: 1_700_000_000 + 301 }, '.from', /more than 5 minutes ahead/],
    ['the far past', { from: 1_700_000_000 - 86_500 }, '.from', /more than a day ago/],
    ['before 1970', { from: -1 }, '.from', /before 1970/],
    ['milliseconds', { from: 1_700_000_000_000 }, '.from', /milliseconds/],
    ['no time', { from: 'yesterday' }, '.from', /ISO 8601/],
    ['an interval without length', { seconds: 0 }, '.seconds', /above 0/],
    ['an interval of two hours', { seconds: 7200 }, '.seconds', /up to 3600/],
    ['a field that nobody knows', { erors: 1 }, '.erors', /did you mean errors/],
  ];

  test.each(mistakes)(
    'with %s is refused, and the good sample beside it is not kept',
    async (_, fields, place, message) => {
      const answer = await push(sample(), sample(fields));
      expect(answer.status).toBe(422);
      expect(answer.json.problems).toEqual([{ path: `samples[1]${place}`, message: expect.stringMatching(message) }]);
      expect(await kept()).toEqual([]);
    },
  );

  test('is told all of them at once, each with its place', async () => {
    const answer = await push(...mistakes.map(([, fields]) => sample(fields)));
    expect(answer.status).toBe(422);
    const told = new Map<string, string>(
      answer.json.problems.map((one: { path: string; message: string }) => [one.path, one.message]),
    );
    for (const [index, [, , place, message]] of mistakes.entries()) {
      expect(told.get(`samples[${index}]${place}`)).toMatch(message);
    }
    expect(answer.json.problems).toHaveLength(mistakes.length);
    expect(await kept()).toEqual([]);
  });

  test('is told of several mistakes of one sample', async () => {
    const answer = await push(sample({ instance: '', requests: 1, errors: 2, slow: 3, from: now + 3600 }));
    expect(answer.json.problems.map(({ path: at }: { path: string }) => at)).toEqual([
      'samples[0].instance',
      'samples[0]',
      'samples[0]',
      'samples[0].from',
    ]);
  });

  test.each([
    ['no list', '{"samples":{}}', 422, /list of samples/],
    ['an empty list', '{"samples":[]}', 422, /at least one sample/],
    ['samples that are no objects', '{"samples":[1000000000]}', 422, /must be an object/],
    ['a key that stands there twice', '{"samples":[{"side":"source","side":"target"}]}', 422, /stands there twice/],
    ['half a body', '{"samples":[{"side":', 400, /not valid JSON/],
    ['a list of a thousand million numbers, cut off', `{"samples":[${'1,'.repeat(100_000)}`, 413, /larger than/],
  ])('with %s is refused', async (_, body, status, message) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await installation.send({ method: 'POST', path, headers, body });
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.json)).toMatch(message);
    expect(await kept()).toEqual([]);
  });

  test('with 10,000 intervals is refused whole', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ({ ...sample(), from: now - index }));
    expect((await push(...many)).status).toBe(413);
    expect(await kept()).toEqual([]);
  });
});
