import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Alert } from '../../src/domain/alert.ts';
import type { Alerts } from '../../src/ports/alerts.ts';

/** What the suite needs of a kind of alerts. */
export interface AlertsHarness {
  readonly alerts: Alerts;
  stop(): Promise<void>;
}

/** What all Alerts do; run against each of them. */
export function alertsContract(start: () => Promise<AlertsHarness>): void {
  let harness: AlertsHarness;
  const nowMs = Date.now();
  const dayMs = 86_400_000;
  const report = (fields: Partial<Alert> = {}): Alert => ({
    ...{ id: 'alertmanager 1', status: 'firing', startsAtMs: nowMs - 60_000, seenAtMs: nowMs },
    ...{ text: 'TooManyErrors: "5 %" über allem', ...fields },
  });
  const read = async (name: string) =>
    [...(await harness.alerts.read(name))].sort((one, other) => one.seenAtMs - other.seenAtMs);

  beforeAll(async () => {
    harness = await start();
  });
  afterAll(() => harness.stop());

  it('give nothing for a name that nothing was reported about', async () => {
    expect(await read('quiet')).toEqual([]);
  });

  it('give back each report as it was, of its own name', async () => {
    const resolved = report({ status: 'resolved', seenAtMs: nowMs + 1 });
    await harness.alerts.keep('shop', [report()]);
    await harness.alerts.keep('shop', [resolved]);
    await harness.alerts.keep('other', [report({ text: 'of another' })]);
    expect(await read('shop')).toEqual([report(), resolved]);
  });

  it('forget a report after two days', async () => {
    await harness.alerts.keep('old', [report({ seenAtMs: nowMs - 2 * dayMs - 10_000 }), report()]);
    expect(await read('old')).toEqual([report()]);
  });

  it('keep the newest 500', async () => {
    const many = Array.from({ length: 510 }, (_, index) => report({ id: `a ${index}`, seenAtMs: nowMs - 510 + index }));
    await harness.alerts.keep('many', many.slice(0, 300));
    await harness.alerts.keep('many', many.slice(300));
    expect((await read('many')).map(({ id }) => id)).toEqual(many.slice(10).map(({ id }) => id));
  });

  it('refuse what is no report', async () => {
    await expect(harness.alerts.keep('shop', [report({ text: 'x'.repeat(501) })])).rejects.toThrow('too long');
    await expect(harness.alerts.keep('two words', [report()])).rejects.toThrow('name of a migration');
  });
}
