import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoMsMax, speed } from '../fixtures/demo.ts';
import { descendants, isAlive, type RunningProgram, runCli, startCli, until } from '../fixtures/running-sandbox.ts';

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
