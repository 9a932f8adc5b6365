import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Sample } from '../../src/domain/verdict.ts';
import { InvalidInputError } from '../../src/ports/errors.ts';
import type { Signals } from '../../src/ports/signals.ts';

/** What the suite needs of a kind of signals. */
export interface SignalsHarness {
  readonly signals: Signals;
  /** Milliseconds since the epoch by the signals' clock. */
  now(): number;
  stop(): Promise<void>;
}

const hourMs = 3_600_000;

/** A sample of the instance `pod-1` of the target: 5 seconds, 100 requests, 1 error. */
export function sampleOf(fromMs: number, fields: Partial<Sample> = {}): Sample {
  return { side: 'target', instance: 'pod-1', fromMs, ms: 5_000, requests: 100, errors: 1, ...fields };
}

/** What all Signals do; run against each of them. */
export function signalsContract(start: () => Promise<SignalsHarness>): void {
  let harness: SignalsHarness;
  let nowMs = 0;
  beforeAll(async () => {
    harness = await start();
    nowMs = harness.now();
  });
  afterAll(() => harness.stop());
  const shared = () => ({ signals: harness.signals, nowMs });
  keeping(shared);
  bounding(shared);
}

type Shared = () => { readonly signals: Signals; readonly nowMs: number };

function keeping(shared: Shared): void {
  it('give nothing for a name that nobody reported', async () => {
    expect(await shared().signals.read('silent', 0)).toEqual([]);
  });

  it('give samples back as they were, in the order of their intervals', async () => {
    const { signals, nowMs } = shared();
    const late = sampleOf(nowMs - 1_234, {
      side: 'source',
      instance: 'gateway-7/abc',
      requests: 0,
      errors: 0,
      ms: 250,
    });
    const early = sampleOf(nowMs - 60_000.0);
    const middle = sampleOf(nowMs - 30_001, { instance: 'ns:pod{1}' });
    await signals.record('ordered', [late]);
    await signals.record('ordered', [middle, early]);
    expect(await signals.read('ordered', 0)).toEqual([early, middle, late]);
  });

  it('give back how many requests were slow, and refuse more of them than there were requests', async () => {
    const { signals, nowMs } = shared();
    const samples = [sampleOf(nowMs - 10_000, { slow: 7 }), sampleOf(nowMs - 5_000, { direct: 2, slow: 0 })];
    await signals.record('slow', samples);
    expect(await signals.read('slow', 0)).toEqual(samples);
    await expect(signals.record('slow', [sampleOf(nowMs, { slow: 101 })])).rejects.toThrow(InvalidInputError);
  });

  it('give only intervals that begin at the time asked for or later', async () => {
    const { signals, nowMs } = shared();
    const times = [nowMs - 2_001, nowMs - 2_000, nowMs - 1_999];
    await signals.record(
      'since',
      times.map((fromMs) => sampleOf(fromMs)),
    );
    expect((await signals.read('since', nowMs - 2_000)).map(({ fromMs }) => fromMs)).toEqual(times.slice(1));
    expect(await signals.read('since', nowMs)).toEqual([]);
  });

  it('count a repeat once', async () => {
    const { signals, nowMs } = shared();
    const sample = sampleOf(nowMs - 5_000);
    await signals.record('repeat', [sample, sample]);
    await signals.record('repeat', [sample]);
    expect(await signals.read('repeat', 0)).toEqual([sample]);
  });

  it('of a repeat with other numbers keep the one with more requests, whichever came first', async () => {
    const { signals, nowMs } = shared();
    const [small, large] = [sampleOf(nowMs - 5_000), sampleOf(nowMs - 5_000, { requests: 120, errors: 3 })];
    await signals.record('larger', [small]);
    await signals.record('larger', [large]);
    await signals.record('larger', [small]);
    expect(await signals.read('larger', 0)).toEqual([large]);
  });

  it('keep what came through each load balancer apart, and from what does not say it', async () => {
    const { signals, nowMs } = shared();
    const fromMs = nowMs - 5_000;
    const samples = [
      sampleOf(fromMs, { requests: 300 }),
      sampleOf(fromMs, { requests: 200, loadBalancer: 'lb-public' }),
      sampleOf(fromMs, { requests: 100, loadBalancer: 'lb-internal' }),
    ];
    await signals.record('labelled', samples);
    await signals.record('labelled', [sampleOf(fromMs, { requests: 150, loadBalancer: 'lb-public' }), ...samples]);
    const kept = await signals.read('labelled', 0);
    expect(kept).toHaveLength(3);
    expect(kept).toEqual(expect.arrayContaining(samples));
    expect(kept.find(({ requests }) => requests === 300)).not.toHaveProperty('loadBalancer');
  });

  it('keep how many connections were open and how many requests were direct, and nothing where it is not said', async () => {
    const { signals, nowMs } = shared();
    const samples = [
      sampleOf(nowMs - 4_000, { connections: 0, loadBalancer: 'lb-public' }),
      sampleOf(nowMs - 3_000, { connections: 12, direct: 100 }),
      sampleOf(nowMs - 2_000, { direct: 0 }),
      sampleOf(nowMs - 1_000),
    ];
    await signals.record('ways', samples);
    expect(await signals.read('ways', 0)).toStrictEqual(samples);
  });

  it('keep sides, instances and names apart', async () => {
    const { signals, nowMs } = shared();
    const fromMs = nowMs - 5_000;
    const samples = [sampleOf(fromMs), sampleOf(fromMs, { side: 'source' }), sampleOf(fromMs, { instance: 'pod-2' })];
    await signals.record('apart', samples);
    await signals.record('apart:b', [sampleOf(fromMs)]);
    expect(new Set((await signals.read('apart', 0)).map((one) => `${one.side} ${one.instance}`)).size).toBe(3);
    expect(await signals.read('apart:b', 0)).toHaveLength(1);
    expect(await signals.read('apar', 0)).toEqual([]);
  });
}

function bounding(shared: Shared): void {
  it('drop what lies more than a day back or ahead', async () => {
    const { signals, nowMs } = shared();
    const fresh = sampleOf(nowMs - 23 * hourMs);
    await signals.record('old', [sampleOf(nowMs - 25 * hourMs), fresh, sampleOf(nowMs + 25 * hourMs)]);
    await signals.record('old', [sampleOf(nowMs)]);
    expect((await signals.read('old', 0)).map(({ fromMs }) => fromMs)).toEqual([fresh.fromMs, nowMs]);
  });

  it('read the newest 20,000', async () => {
    const { signals, nowMs } = shared();
    const begin = nowMs - 21_000;
    for (let block = 0; block < 5; block += 1) {
      const times = Array.from({ length: 4_200 }, (_, index) => begin + block * 4_200 + index);
      await signals.record(
        'many',
        times.map((fromMs) => sampleOf(fromMs)),
      );
    }
    const samples = await signals.read('many', 0);
    expect(samples).toHaveLength(20_000);
    expect([samples[0]?.fromMs, samples.at(-1)?.fromMs]).toEqual([begin + 1_000, begin + 20_999]);
  });

  it('refuse what is no sample, all at once, each with its place, and keep none of the call', async () => {
    const { signals, nowMs } = shared();
    const wrong: readonly Partial<Sample>[] = [
      {},
      { instance: 'a b' },
      { instance: '' },
      { instance: 'x'.repeat(129) },
      { side: 'both' as 'source' },
      { fromMs: Number.NaN },
      { fromMs: 0.5 },
      { ms: 0 },
      { ms: 2 * hourMs },
      { requests: -1 },
      { errors: 1.5 },
      { requests: 1, errors: 2 },
      { loadBalancer: '' },
      { loadBalancer: 'lb public' },
      { loadBalancer: 'x'.repeat(81) },
      { connections: -1 },
      { connections: 0.5 },
      { direct: -1 },
      { direct: 101 },
      { direct: 1, loadBalancer: 'lb-public' },
    ];
    const samples = wrong.map((fields) => sampleOf(nowMs - 1_000, fields));
    const error = await signals.record('wrong', samples).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidInputError);
    const paths = (error as InvalidInputError).problems.map(({ path }) => path);
    expect(paths).toEqual(wrong.slice(1).map((_, index) => `samples[${index + 1}]`));
    expect(await signals.read('wrong', 0)).toEqual([]);
  });

  it('refuse more than 5,000 samples at once, and names that no migration can have', async () => {
    const { signals, nowMs } = shared();
    const many = Array.from({ length: 5_001 }, (_, index) => sampleOf(nowMs - index));
    await expect(signals.record('flood', many)).rejects.toThrow(/5001 samples at once; the limit is 5000/);
    await expect(signals.record('a b', [])).rejects.toThrow(/name of a migration/);
    await expect(signals.read('', 0)).rejects.toThrow(/name of a migration/);
  });
}
