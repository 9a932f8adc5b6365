import { setTimeout as wait } from 'node:timers/promises';
import { createLogUpdate } from 'log-update';
import type { MigrationView } from '../domain/view.ts';
import { CannotReachError } from './client.ts';
import type { Migrations } from './migrations.ts';
import type { Output } from './run.ts';
import { printable, showView, viewLine } from './show.ts';

const everyMs = 1000;
/** So long a server may be away before the watch gives up. */
const patienceMs = 60_000;

/** Shows a migration until nothing more happens to it by itself; null when a person ended the watch. */
export async function watch(migrations: Migrations, name: string, output: Output): Promise<MigrationView | null> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  const screen = output === 'table' && process.stdout.isTTY ? onTerminal() : inLines(output);
  try {
    return await follow(migrations, name, ended.signal, screen);
  } finally {
    screen.done();
    process.off('SIGINT', end);
    process.off('SIGTERM', end);
  }
}

/** Undoing a completed migration is a person's matter; by itself it only closes. */
function isOver(view: MigrationView): boolean {
  return view.isFinal || view.state === 'completed';
}

async function follow(
  migrations: Migrations,
  name: string,
  signal: AbortSignal,
  screen: Screen,
): Promise<MigrationView | null> {
  let lastAnswerMs = Date.now();
  while (!signal.aborted) {
    try {
      const view = await migrations.get(name);
      lastAnswerMs = Date.now();
      screen.show(view);
      if (isOver(view)) return view;
    } catch (error) {
      if (!(error instanceof CannotReachError) || Date.now() - lastAnswerMs > patienceMs) throw error;
      screen.trouble(error.message);
    }
    await wait(everyMs, undefined, { signal }).catch(() => undefined);
  }
  return null;
}

interface Screen {
  show(view: MigrationView): void;
  trouble(message: string): void;
  done(): void;
}

function onTerminal(): Screen {
  const log = createLogUpdate(process.stdout);
  let last = '';
  return {
    show: (view) => {
      last = showView(view);
      log(last);
    },
    trouble: (message) => log(`${last}\n  ${printable(message)}; asking again`),
    done: () => log.done(),
  };
}

/** One line a change. The observed share moves with every look, so it alone makes none. */
function inLines(output: Output): Screen {
  let last = '';
  return {
    show: (view) => {
      const { state, step, share, waitingFor, reason, gate } = view;
      const seen = JSON.stringify([state, step, share.asked, share.achieved, waitingFor, reason, gate]);
      if (seen === last) return;
      last = seen;
      console.log(output === 'json' ? JSON.stringify(view) : viewLine(view));
    },
    trouble: (message) => console.error(printable(`${message}; asking again`)),
    done: () => undefined,
  };
}
