import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { descendants, isAlive, until } from '../fixtures/running-sandbox.ts';

it.each(['SIGINT', 'SIGTERM'] as const)(
  'a load that gets %s leaves neither its redis-server nor its data',
  async (signal) => {
    const home = await mkdtemp(join(tmpdir(), 'sluice-load-'));
    const args = ['--expose-gc', '--import', 'tsx', 'test/load/index.ts', '--migrations', '5', '--speed', '60'];
    const load = spawn(process.execPath, args, {
      env: { ...process.env, TMPDIR: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(load, 'close');
    let said = '';
    load.stderr.on('data', (part: Buffer) => {
      said += part.toString();
    });
    try {
      await until(() => said.includes('are under way'), 25_000);
      const started = await descendants(load.pid ?? 0);
      expect(started.length).toBeGreaterThan(0);
      expect((await readdir(home)).filter((one) => one.startsWith('sluice-redis-'))).toHaveLength(1);
      load.kill(signal);
      expect(await ended).toEqual([130, null]);
      expect(said).toContain('interrupted');
      // What transforms the sources ends a moment after the program that it served.
      await until(() => !started.some(isAlive), 5_000);
      expect((await readdir(home)).filter((one) => one.startsWith('sluice-redis-'))).toEqual([]);
    } finally {
      load.kill('SIGKILL');
      await rm(home, { recursive: true, force: true });
    }
  },
);
