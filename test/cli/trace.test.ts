import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { historyCommand } from '../../src/cli/history.ts';
import { judgeCommand } from '../../src/cli/judge.ts';
import { startCommand } from '../../src/cli/start.ts';
import { advance } from '../../src/engine/advance.ts';
import { contextOf } from '../../src/engine/snapshot.ts';
import { aFile } from '../api/requests.ts';
import { aTerminal, sluice, type Terminal } from './terminal.ts';

let terminal: Terminal;
let file: string;

beforeEach(async () => {
  terminal = await aTerminal();
  // Neither whole seconds nor on a boundary of the judge's cells.
  terminal.world.nowMs = 1_700_000_002_345;
  file = terminal.write(
    aFile().replace('settle: 0s', 'settle: 7s').replace('[{ share: 10,', '[{ share: 10, bake: 1m }, { share: 50,'),
  );
});

afterEach(() => terminal.close());

type Share = (share: number, second: number) => readonly [requests: number, errors: number];

/** Both sides count every second until the migration is in a state; a look every five seconds. */
async function until(state: RegExp, target: Share): Promise<void> {
  const { world } = terminal;
  for (let second = 0; second < 1_200; second += 1) {
    const share = world.share() / 100;
    const [requests, errors] = target(world.share(), second);
    await world.count('source', Math.round(200 * (1 - share)), second % 20 === 0 && share < 1 ? 1 : 0);
    if (share > 0) await world.count('target', requests, errors);
    world.nowMs += 1_000;
    if (second % 5 > 0) continue;
    if (state.test((await world.ports.store.load('shop-ingress'))?.state ?? '')) return;
    await advance(world.ports, 'shop-ingress', world.nowMs + 20_000);
  }
  throw new Error(`never came to ${state}`);
}

const warmUp = () => until(/never/, () => [0, 0]).catch(() => undefined);

async function exported(...more: readonly string[]) {
  const { code, out, err } = await sluice(historyCommand, 'history', 'shop-ingress', '--output', 'jsonl', ...more);
  const trace = terminal.write(out, 'trace.jsonl');
  const judge = () => sluice(judgeCommand, 'judge', '--samples', trace, '-f', file, '--output', 'json');
  return {
    code,
    out,
    err,
    lines: out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line)),
    judge,
  };
}

async function record() {
  const found = await terminal.world.ports.store.load('shop-ingress');
  if (found === null) throw new Error('there is no record');
  return { state: found.state, ...contextOf(found) };
}

describe('the trace of a migration', () => {
  test('judged again, fails at the same time with the same numbers', async () => {
    await warmUp();
    expect((await sluice(startCommand, 'start', '-f', file)).code).toBe(0);
    const begunAtMs = terminal.world.nowMs;
    await until(/^rolled/, (share) => (share === 50 ? [100, 8] : [20, 0]));
    const { verdict, judging } = await record();
    expect(verdict).toMatchObject({ kind: 'fail', cause: 'worse' });
    const { code, lines, judge } = await exported();
    expect(code).toBe(0);
    const again = await judge();
    const answer = JSON.parse(again.out);
    expect(again.code).toBe(1);
    expect(answer).toMatchObject({ verdict: 'fail', at: (judging['push']?.countedToMs ?? 0) / 1000 });
    expect(answer.difference).toEqual(verdict?.difference);
    // Ten minutes of the source, then the two steps, each where it began.
    expect(lines[0].at).toBeLessThan(begunAtMs / 1000 - 500);
    expect(lines.flatMap(({ share, next }) => (share === undefined ? [] : [[share, next]]))).toEqual([
      [0, undefined],
      [10, 50],
      [50, 100],
    ]);
  });

  test('judged again, passes where the migration passed, and the trace says when each step was judged', async () => {
    await warmUp();
    await sluice(startCommand, 'start', '-f', file);
    await until(/^completed/, (share) => [Math.round(share * 2), 0]);
    const { lines, judge } = await exported();
    expect(JSON.parse((await judge()).out)).toMatchObject({ verdict: 'pass', failedRequests: expect.any(Number) });
    const begins = lines.filter(({ judgedFrom }) => judgedFrom !== undefined);
    expect(begins.map(({ share }) => share)).toEqual([10, 50, 100]);
    for (const { at, judgedFrom } of begins) expect(judgedFrom).toBeGreaterThan(at - 60);
    const times = lines.map(({ at }) => at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test('is of this run alone', async () => {
    await warmUp();
    await sluice(startCommand, 'start', '-f', file);
    await until(/^rolled/, (share) => [Math.max(1, Math.round(share * 2)), Math.round(share / 4)]);
    const first = await exported();
    await sluice(startCommand, 'start', '-f', file);
    expect(await exported()).toMatchObject({
      code: 1,
      lines: [],
      err: 'nothing of shop-ingress was judged by push in the last 24 hours',
    });
    await until(/^rolled/, (share) => [Math.max(1, Math.round(share * 2)), Math.round(share / 4)]);
    const second = await exported();
    expect(second.lines.at(-1).at).toBeGreaterThan(first.lines.at(-1).at);
    const begins = second.lines.filter(({ judgedFrom }) => judgedFrom !== undefined);
    expect(begins.every(({ judgedFrom }) => judgedFrom > first.lines.at(-1).at)).toBe(true);
  });

  test('is refused for a source of signals that the migration does not have, and for a name that nobody has', async () => {
    expect(await exported()).toMatchObject({ code: 1, err: expect.stringContaining('there is no migration') });
    await sluice(startCommand, 'start', '-f', file);
    expect(await exported('--signals', 'main')).toMatchObject({
      code: 1,
      err: expect.stringContaining('is not a source of signals of shop-ingress; it has push'),
    });
  });
});
