import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lmdbStore } from '../../../src/adapters/lmdb/store.ts';
import type { MigrationStore } from '../../../src/ports/migration-store.ts';
import { recordOf } from '../../contracts/records.ts';

const worker = new URL('worker.ts', import.meta.url).pathname;

let folder: string;
let store: MigrationStore;
const children = new Set<ChildProcess>();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-lmdb-'));
  store = lmdbStore(folder);
});
afterEach(async () => {
  for (const child of children) await killed(child);
  children.clear();
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

function work(...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', worker, folder, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Resolves when the worker has told of so many commits; `told` gives the last one it told of, at any time. */
async function afterCommits(child: ChildProcess, commits: number): Promise<{ told(): number }> {
  let output = '';
  const enough = new Promise<void>((resolve, reject) => {
    child.on('exit', () => reject(new Error('the worker ended')));
    child.stdout?.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.split('\n').length > commits) resolve();
    });
  });
  await enough;
  return { told: () => Number(output.split('\n').at(-2)) };
}

describe('several processes on one folder', () => {
  it('lose no increment: two processes and this one, 200 each', async () => {
    const ends = ['a', 'b'].map((_) => once(work('increment', 'counted', '200'), 'exit'));
    let mine = 0;
    while (mine < 200) {
      const record = await store.load('counted');
      const revision = record?.revision ?? 0;
      const count = ((record?.snapshot as { count?: number } | undefined)?.count ?? 0) + 1;
      if (await store.commit(recordOf('counted', revision + 1, { snapshot: { count } }), revision, [])) mine += 1;
      await new Promise(setImmediate);
    }
    expect((await Promise.all(ends)).map(([code]) => code)).toEqual([0, 0]);
    expect(await store.load('counted')).toMatchObject({ revision: 600, snapshot: { count: 600 } });
  });

  it('see what the others committed', async () => {
    const child = work('churn', 'elsewhere');
    await afterCommits(child, 5);
    expect(await store.names(10)).toEqual(['elsewhere']);
    expect(await store.due(0, 10)).toHaveLength(1);
  });
});

describe('a process that is killed in the middle of its work', () => {
  it('leaves a store that is readable, writable and whole, and loses nothing it was told is done', async () => {
    for (let round = 1; round <= 5; round += 1) {
      const child = work('churn', 'killed');
      const { told } = await afterCommits(child, 20 * round);
      await killed(child);
      const record = await store.load('killed');
      const revision = record?.revision ?? 0;
      expect(revision).toBeGreaterThanOrEqual(told());
      expect((await store.history('killed', 1))[0]?.revision).toBe(revision);
      expect(await store.due(0, 10)).toEqual([{ name: 'killed', dueAtMs: revision }]);
      // A commit that nobody was told of may show only with the next writer: then the race is lost to it, and to it alone.
      const isFirst = await store.commit(recordOf('killed', revision + 1, { dueAtMs: revision + 1 }), revision, []);
      const now = await store.load('killed');
      expect(now?.revision).toBe(revision + 1);
      expect(now?.snapshot).toEqual(
        isFirst ? recordOf('killed', 1).snapshot : expect.objectContaining({ padding: expect.any(String) }),
      );
      expect(await store.commit(recordOf('killed', revision + 2, { dueAtMs: revision + 2 }), revision + 1, [])).toBe(
        true,
      );
    }
  });
});

describe('a process that is frozen', () => {
  it('between its calls blocks nobody, as long as it may be frozen', async () => {
    const idle = work('idle', 'frozen', '10');
    await afterCommits(idle, 10);
    idle.kill('SIGSTOP');
    const busy = work('increment', 'frozen', '50');
    expect((await once(busy, 'exit'))[0]).toBe(0);
    expect((await store.load('frozen'))?.revision).toBe(60);
    idle.kill('SIGCONT');
  });
});
