import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { judgeCommand } from '../../src/cli/judge.ts';
import { sluice } from './terminal.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-judge-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const example = (name: string) => new URL(`../../examples/traces/${name}.jsonl`, import.meta.url).pathname;
const judge = (samples: string, ...more: readonly string[]) =>
  sluice(judgeCommand, 'judge', '--samples', samples, ...more);

async function answerOf(samples: string, ...more: readonly string[]) {
  const { out, code } = await judge(samples, '--output', 'json', ...more);
  return { code, ...(JSON.parse(out) as { verdict: string; at: number; failedRequests: number; requests: object }) };
}

function written(text: string, name = 'trace.jsonl'): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

interface Line {
  readonly source: readonly [requests: number, errors: number];
  readonly target: readonly [requests: number, errors: number];
  readonly share?: number;
}

/** One line every five seconds. */
function trace(lines: readonly Line[]): string {
  const count = ([requests, errors]: Line['source']) => ({ requests, errors });
  return lines
    .map(({ source, target, ...rest }, index) =>
      JSON.stringify({ at: 1_800_000_000 + index * 5, source: count(source), target: count(target), ...rest }),
    )
    .join('\n');
}

const times = (length: number, line: Line) => Array.from({ length }, () => line);
const good: Line = { source: [225, 0], target: [25, 0] };
const bad: Line = { source: [225, 0], target: [25, 5] };

describe('sluice judge', () => {
  test.each([
    ['healthy', 'pass', 1200, 0],
    ['plus-5-points', 'fail', 365, 1],
    ['both-sides-fail', 'insufficient', 900, 0],
    ['worse-at-half', 'fail', 1150, 1],
    ['low-traffic', 'insufficient', 1800, 0],
    ['silent-target', 'insufficient', 600, 0],
  ])('of the example %s says %s', async (name, verdict, latest, code) => {
    const answer = await answerOf(example(name));
    expect(answer).toMatchObject({ verdict, code });
    expect(answer.at).toBeLessThanOrEqual(latest);
    if (verdict !== 'fail') expect(answer.at).toBe(latest);
  });

  test('answers programs with exactly what is promised: fail ends the trace, and all before it is counted', async () => {
    const { out } = await judge(written(trace([...times(10, good), ...times(100, bad)])), '--output', 'json');
    const answer = JSON.parse(out) as { at: number };
    const lines = (answer.at - 1_800_000_000) / 5 + 1;
    expect(answer).toEqual({
      verdict: 'fail',
      at: expect.any(Number),
      failedRequests: (lines - 10) * 5,
      requests: { source: lines * 225, target: lines * 25 },
      difference: {
        estimate: expect.closeTo(((lines - 10) * 5) / (lines * 25), 9),
        low: expect.any(Number),
        high: expect.any(Number),
      },
    });
    expect(lines).toBeGreaterThanOrEqual(14);
    expect(lines).toBeLessThan(20);
  });

  test('finds the share of each line by itself where the trace does not say it', async () => {
    const half: Line = { source: [125, 0], target: [125, 0] };
    const { out } = await judge(written(trace([...times(60, good), ...times(60, half)])));
    expect(out).toMatch(/^step {8}share 50 %, source 0 of 7000 failed, target 0 of 7000 failed$/m);
  });

  test('takes budget, steps and settle time from the migration file', async () => {
    const file = (more: string) =>
      written(
        `apiVersion: sluice/v1\nkind: Migration\nmetadata: { name: shop }\nspec:\n  source: a/b\n  target: a/c\n  steps: [10, 100]\n${more}`,
        'm.yaml',
      );
    const samples = written(trace([{ ...good, share: 0 }, ...times(60, { ...good, share: 10 })]));
    const marginOf = async (...more: readonly string[]) =>
      /^margin +(.*) points/m.exec((await judge(samples, ...more)).out)?.[1];
    expect(await marginOf()).toBe('1.00');
    expect(await marginOf('-f', file(''))).toBe('0.50');
    expect(await marginOf('-f', file('  analysis: { errorRate: { harmBudget: 2% } }'))).toBe('2.00');
    const { out } = await judge(samples, '-f', file('  settle: 1m'));
    expect(out).toContain(`target 0 of ${(60 - 12) * 25} failed`);
    const wrong = await judge(samples, '-f', file('  setle: 1m'));
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('m.yaml:8: spec.setle: ') });
  });

  test('shows what other rules make of an outage of both sides', async () => {
    const samples = written(trace(times(720, { source: [225, 90], target: [25, 10] })));
    expect(await answerOf(samples)).toMatchObject({ verdict: 'insufficient' });
    expect(await answerOf(samples, '--rule', 'flagger')).toMatchObject({ verdict: 'fail', at: 1_800_000_000 + 71 * 5 });
    expect(await answerOf(samples, '--rule', 'argo')).toMatchObject({ verdict: 'fail', at: 1_800_000_000 + 23 * 5 });
    expect(await answerOf(samples, '--rule', 'kayenta')).toMatchObject({ verdict: 'pass' });
  });
});

describe('a trace with mistakes', () => {
  test('is refused with every wrong line at once', async () => {
    const sides = '"source":{"requests":1,"errors":0},"target":{"requests":1,"errors":0}';
    const lines = [
      `{"at":5,${sides}}`,
      '{"at":10,"source":{"requests":-1,"errors":0},"target":{"requests":1,"errors":0}}',
      '{"at":15,"source":{"requests":1,"errors":2},"target":{"requests":1.5,"errors":0}}',
      `{"at":15,${sides}}`,
      `{"at":1,${sides}}`,
      'not json',
      `{${sides}}`,
      '{"at":30,"source":{"requests":1000000001,"errors":0}}',
      `{"at":35,${sides},"share":101}`,
      `{"at":40,${sides},"note":"${'x'.repeat(1_000)}"}`,
    ];
    const file = written(lines.join('\n'));
    const { code, out, err } = await judge(file);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.split('\n').map((line) => line.replace(file, ''))).toEqual([
      ':2: source.requests: must be a whole number from 0 to 1000000000',
      ':3: source.errors: 2 errors of 1 requests',
      ':3: target.requests: must be a whole number from 0 to 1000000000',
      ':4: at: 15 stands there twice',
      ':5: at: time goes backwards: 1 after 15',
      expect.stringMatching(/^:6: line: is not a JSON object/),
      ':7: at: is missing',
      ':8: source.requests: must be a whole number from 0 to 1000000000',
      ':8: target: is missing',
      ':9: share: must be per cent, from 0 to 100',
      ':10: line: is longer than 1000 characters',
    ]);
  });

  test('of too many lines, of none, or that is not there, is refused', async () => {
    const line = (at: number) => `{"at":${at},"source":{"requests":0,"errors":0},"target":{"requests":0,"errors":0}}`;
    const long = written(Array.from({ length: 200_001 }, (_, index) => line(index)).join('\n'), 'long.jsonl');
    expect(await judge(long)).toMatchObject({ code: 2, err: expect.stringContaining('at most 200000 lines') });
    expect(await judge(written('\n'))).toMatchObject({ code: 2, err: expect.stringContaining('no samples') });
    expect(await judge('/nowhere.jsonl')).toMatchObject({ code: 2, err: expect.stringContaining('ENOENT') });
    expect(await judge(example('healthy'), '--rule', 'fair')).toMatchObject({ code: 2 });
  });
});
