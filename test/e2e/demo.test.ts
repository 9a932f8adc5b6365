import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoReport } from '../../src/cli/demo/run.ts';
import type { Snapshot } from '../../src/cli/demo/snapshot.ts';
import { descendants, isAlive, type RunningProgram, runCli, startCli, until } from '../fixtures/running-sandbox.ts';

/** Faster than people see it (7), and slow enough for an invocation to have its wall seconds on two busy cores. */
const speed = '12';
const demoMsMax = 200_000;

interface Demo {
  readonly code: number | null;
  readonly snapshots: readonly Omit<Snapshot, 'story'>[];
  /** History lines and what the demo did, in the order in which they were told. */
  readonly story: readonly string[];
  readonly summary: DemoReport;
}

/** Runs the demo with `--output json` and reads every line of it. */
async function demo(...options: readonly string[]): Promise<Demo> {
  const { code, stdout, stderr } = await runCli(
    ['demo', '--output', 'json', '--speed', speed, ...options],
    {},
    demoMsMax,
  );
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly type: string } & Record<string, unknown>);
  const of = <T>(type: string): readonly T[] => lines.filter((line) => line.type === type) as unknown as readonly T[];
  const summary = lines.at(-1);
  if (summary?.type !== 'summary') throw new Error(`the demo ended with ${code} and without a summary:\n${stderr}`);
  return {
    code,
    snapshots: of('snapshot'),
    story: of<{ readonly text: string }>('event').map(({ text }) => text),
    summary: summary as unknown as DemoReport,
  };
}

/** Weights of the six backends in each group, source first, as the CLB told them at the end. */
function endWeights({ summary }: Demo): Readonly<Record<string, readonly number[]>> {
  const isOfTarget = (description: string): boolean => description.includes('/istio-ingressgateway-asm/');
  return Object.fromEntries(
    Object.entries(summary.truth).map(([group, backends]) => [
      group,
      [...backends]
        .sort((a, b) => Number(isOfTarget(a.description)) - Number(isOfTarget(b.description)))
        .map(({ weight }) => weight),
    ]),
  );
}

const baseline = { 'rsp-pub-80': [33, 33, 33, 0, 0, 0], 'rsp-pub-443': [33, 33, 33, 0, 0, 0] };
const allOnTarget = { 'rsp-pub-80': [0, 0, 0, 33, 33, 33], 'rsp-pub-443': [0, 0, 0, 33, 33, 33] };

function isVerified(share: number): string {
  return `shop-ingress: ${share} per cent verified at the CLB`;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** The lines of a story that say one of these things, in the order of the story. */
function told({ story }: Demo, ...wanted: readonly string[]): readonly (string | undefined)[] {
  return story.flatMap((line) => wanted.filter((words) => line.includes(words)));
}

describe('a demo in which nothing goes wrong', () => {
  let seen: Demo;
  beforeAll(async () => {
    seen = await demo();
  }, demoMsMax);

  it('ends completed, as expected, with exit code 0', () => {
    expect(seen.summary).toMatchObject({ isAsExpected: true, expected: 'completed', state: 'completed' });
    expect(seen.code).toBe(0);
  });

  it('verifies 10, 50 and 100 per cent at the CLB, one after the other', () => {
    const steps = [10, 50, 100].flatMap((share, index) => [isVerified(share), `step ${index + 1} passed`]);
    expect(told(seen, ...steps)).toEqual(steps);
    for (const [index, share] of [10, 50, 100].entries()) {
      const baking = seen.snapshots.filter(
        ({ view }) => view.step === index + 1 && view.state === 'progressing.baking',
      );
      expect(baking.length).toBeGreaterThan(3);
      expect(new Set(baking.map(({ view }) => view.share.asked))).toEqual(new Set([share]));
      expect(new Set(baking.map(({ view }) => view.share.achieved))).toEqual(new Set([share]));
    }
  });

  it('counts at the gateways, while it bakes at 50 per cent, what the weights promise', () => {
    const baking = seen.snapshots.filter(({ view }) => view.step === 2 && view.state === 'progressing.baking');
    const observed = baking.flatMap(({ view }) => (view.share.observed === null ? [] : [view.share.observed]));
    expect(Math.abs(median(observed) - 50)).toBeLessThan(5);
  });

  it('serves requests all the time, fails none and loses none', () => {
    expect(seen.summary.requests).toMatchObject({ failed: 0, lost: 0 });
    const served = seen.snapshots.map(
      ({ counters }) => counters.source.sinceStart.requests + counters.target.sinceStart.requests,
    );
    expect(served).toEqual([...served].sort((a, b) => a - b));
    expect(served.at(-1)).toBeGreaterThan(1000);
  });

  it('leaves all weight on the target, as the CLB itself says', () => {
    expect(endWeights(seen)).toEqual(allOnTarget);
  });

  it('says at each moment what it waits for', () => {
    const waiting = seen.snapshots
      .filter(({ view }) => view.state.startsWith('progressing'))
      .map(({ view }) => view.waitingFor);
    expect(waiting).not.toContain(null);
  });
});

describe('a demo whose target fails requests at 50 per cent', () => {
  let seen: Demo;
  beforeAll(async () => {
    seen = await demo('--fault', 'errors');
  }, demoMsMax);

  it('ends rolled back, as expected, with exit code 0', () => {
    expect(seen.summary).toMatchObject({ isAsExpected: true, expected: 'rolledBack', state: 'rolledBack' });
    expect(seen.summary.reason).toMatch(/^errors: target \d/);
    expect(seen.code).toBe(0);
  });

  it('is well until the fault, and goes back right after it', () => {
    const steps = [
      isVerified(50),
      'FAULT: the target now fails',
      'is rolled back',
      'the baseline is back, verified at the CLB',
    ];
    expect(told(seen, ...steps, isVerified(100))).toEqual(steps);
  });

  it('says how long it took from the first failed request to the verified baseline, and how many failed', () => {
    const { recovery, requests } = seen.summary;
    expect(recovery?.from).toBe('the first failed request');
    expect(recovery?.seconds).toBeGreaterThan(0);
    expect(recovery?.seconds).toBeLessThan(seen.summary.seconds);
    expect(recovery?.failed).toBeGreaterThan(0);
    // Before the fault no request failed, so those that failed meanwhile are all.
    expect(recovery?.failed).toBe(requests.failed);
  });

  it('leaves the weights of the baseline at the CLB and loses no request', () => {
    expect(endWeights(seen)).toEqual(baseline);
    expect(seen.summary.requests.lost).toBe(0);
  });
});

describe('a demo whose target stops answering probes', () => {
  let seen: Demo;
  beforeAll(async () => {
    seen = await demo('--fault', 'probe');
  }, demoMsMax);

  it('ends rolled back because of the probe, with exit code 0', () => {
    expect(seen.summary).toMatchObject({ isAsExpected: true, expected: 'rolledBack', state: 'rolledBack' });
    expect(seen.summary.reason).toContain('probe');
    expect(seen.code).toBe(0);
  });

  it('says how long it took from the fault, because no request of a client failed', () => {
    expect(seen.summary.recovery).toMatchObject({ from: 'the fault', failed: 0 });
    expect(seen.summary.recovery?.seconds).toBeGreaterThan(0);
    expect(seen.summary.requests).toMatchObject({ failed: 0, lost: 0 });
  });

  it('leaves the weights of the baseline at the CLB', () => {
    expect(endWeights(seen)).toEqual(baseline);
  });
});

describe('a demo that a person aborts half way', () => {
  let seen: Demo;
  beforeAll(async () => {
    seen = await demo('--fault', 'abort');
  }, demoMsMax);

  it('ends rolled back by that person, with exit code 0', () => {
    expect(seen.summary).toMatchObject({ isAsExpected: true, expected: 'rolledBack', state: 'rolledBack' });
    expect(seen.summary.reason).toContain('abort');
    expect(seen.code).toBe(0);
    expect(told(seen, isVerified(50), 'FAULT: a person aborted', 'the baseline is back', isVerified(100))).toEqual([
      isVerified(50),
      'FAULT: a person aborted',
      'the baseline is back',
    ]);
  });

  it('says how long it took from the abort, and leaves the weights of the baseline at the CLB', () => {
    expect(seen.summary.recovery).toMatchObject({ from: 'the fault', failed: 0 });
    expect(seen.summary.recovery?.seconds).toBeGreaterThan(0);
    expect(endWeights(seen)).toEqual(baseline);
    expect(seen.summary.requests.lost).toBe(0);
  });
});

describe('a demo in which the function instances are killed in the middle of every shift', () => {
  let seen: Demo;
  beforeAll(async () => {
    seen = await demo('--fault', 'crash');
  }, demoMsMax);

  it('kills in each of the three shifts, and each share is verified all the same', () => {
    const steps = [10, 50, 100].flatMap((share, index) => [`middle of shift ${index + 1}`, isVerified(share)]);
    expect(told(seen, ...steps)).toEqual(steps);
  });

  it('ends completed, with all weight on the target, no request lost and exit code 0', () => {
    expect(seen.summary).toMatchObject({
      isAsExpected: true,
      expected: 'completed',
      state: 'completed',
      recovery: null,
    });
    expect(seen.summary.requests).toMatchObject({ failed: 0, lost: 0 });
    expect(endWeights(seen)).toEqual(allOnTarget);
    expect(seen.code).toBe(0);
  });
});

describe('a demo without a terminal', () => {
  it(
    'prints plain lines and a summary, with no escape codes, also where colours are usual',
    async () => {
      // Colour libraries take CI for a terminal.
      const environment = { CI: 'true' };
      const { code, stdout } = await runCli(['demo', '--fault', 'abort', '--speed', speed], environment, demoMsMax);
      expect(code).toBe(0);
      expect(stdout).not.toContain('\u001b');
      const lines = stdout.split('\n');
      expect(lines[0]).toBe('sluice demo: a person aborts half way');
      const moments = lines.filter((line) => /^ *\d+s {2}step \d\/3 {2}/.test(line));
      expect(moments.some((line) => /baking +asked +10\.0 % achieved +10\.0 % observed +\d/.test(line))).toBe(true);
      expect(moments.at(-1)).toContain('rolledBack');
      expect(lines).toContain('      FAULT: a person aborted');
      expect(stdout).toMatch(/^rolledBack, as expected: /m);
      expect(stdout).toMatch(
        /^[\d.]+ s \(\d+ s of sandbox time\) from the fault to the verified baseline; 0 requests failed meanwhile$/m,
      );
      expect(stdout).toMatch(/^ {2}rsp-pub-443: source 33 \+ 33 \+ 33, target 0 \+ 0 \+ 0$/m);
    },
    demoMsMax,
  );
});

describe('a demo that is interrupted with Ctrl-C', () => {
  let temporary: string;
  const started: RunningProgram[] = [];

  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'sluice-demo-'));
  });
  afterAll(async () => {
    for (const program of started) await program.stop();
    await rm(temporary, { recursive: true, force: true });
  });

  it.each([
    ['while the sandbox starts', (program: RunningProgram) => program.stderr().includes('gateways are up')],
    ['in the middle of the migration', (program: RunningProgram) => program.stdout().includes('10 per cent verified')],
  ])(
    '%s ends with exit code 1 and leaves no process and no file',
    async (_, isTime) => {
      const program = startCli(['demo', '--speed', speed], { TMPDIR: temporary }, true);
      started.push(program);
      await until(() => isTime(program), 60_000);
      const children = await descendants(program.pid);
      expect(children.length).toBeGreaterThanOrEqual(2);
      // Ctrl-C goes to the whole group, so the gateways and the functions get it too.
      process.kill(-program.pid, 'SIGINT');
      expect(await program.exited).toMatchObject({ code: 1, signal: null });
      expect(children.filter(isAlive)).toEqual([]);
      expect(isAlive(-program.pid), 'a process of the group is left').toBe(false);
      expect(await readdir(temporary)).toEqual([]);
    },
    demoMsMax,
  );
});

describe('a demo that is asked for in a wrong way', () => {
  it.each([
    [['--fault', 'earthquake'], /none, errors, probe, abort, crash/],
    [['--output', 'xml'], /table, json/],
    [['--speed', 'fast'], /--speed "fast": a number from 0\.1 to 1000/],
    [['--speed', '0'], /--speed "0"/],
    [['--slowly'], /--slowly/],
  ])('%j ends with exit code 2, says what is possible, and starts nothing', async (options, says) => {
    const { code, stdout, stderr } = await runCli(['demo', ...options]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain('sandbox:');
  });
});
