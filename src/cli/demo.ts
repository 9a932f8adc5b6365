import { type Command, Option } from 'commander';
import { createLogUpdate } from 'log-update';
import { messageOf } from '../ports/errors.ts';
import { readSandboxOptions } from '../sandbox/options.ts';
import { type DemoFault, demoFaults } from './demo/fault.ts';
import { frame, plainLine } from './demo/frame.ts';
import type { DemoWatcher } from './demo/run.ts';
import type { Snapshot } from './demo/snapshot.ts';
import { summary } from './demo/summary.ts';

const wrongUse = 2;
/** Of wall time. The judge counts requests: at half of them the first step would take twice as long. */
const ratePerSecond = '400';

const titles: Readonly<Record<DemoFault, string>> = {
  none: 'nothing goes wrong',
  errors: 'the target fails requests at 50 per cent',
  probe: 'the target stops answering probes at 50 per cent',
  abort: 'a person aborts half way',
  crash: 'the function instances are killed in every shift',
};

interface DemoOptions {
  readonly fault: DemoFault;
  readonly output: 'table' | 'json';
  readonly speed: string;
}

/** `sluice demo`: a whole migration on the sandbox. Exit 0 when it ended, at the load balancer, as it should. */
export function demoCommand(program: Command): void {
  program
    .command('demo')
    .description('a whole migration on a local sandbox, with real requests, in about a minute')
    .addOption(new Option('--fault <fault>', 'what is to go wrong').choices([...demoFaults]).default('none'))
    .addOption(new Option('--output <format>', 'how to print').choices(['table', 'json']).default('table'))
    .option('--speed <n>', 'how many times faster every clock runs', '7')
    .action(async (options: DemoOptions) => {
      process.exitCode = await demo(options);
    });
}

async function demo({ fault, output, speed }: DemoOptions): Promise<number> {
  const read = readSandboxOptions({ speed, rate: ratePerSecond });
  if ('mistakes' in read) {
    for (const mistake of read.mistakes) console.error(`sluice demo: ${mistake}`);
    return wrongUse;
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const { startSandbox } = await import('../sandbox/sandbox.ts');
  const { runDemo } = await import('./demo/run.ts');
  const screen = screenFor(output, fault);
  try {
    const progress = (line: string): void => console.error(`sandbox: ${line}`);
    const sandbox = await startSandbox({ options: read.options, progress, signal: interrupted.signal });
    const stopped = new Promise<never>((_, reject) => {
      interrupted.signal.addEventListener('abort', () => reject(new Error('interrupted')), { once: true });
    });
    try {
      const report = await Promise.race([runDemo(sandbox, fault, screen), stopped]);
      screen.done();
      if (output === 'json') console.log(JSON.stringify({ type: 'summary', ...report }));
      else console.log(`\n${summary(report)}`);
      return report.isAsExpected ? 0 : 1;
    } finally {
      screen.done();
      await sandbox.stop();
    }
  } catch (error) {
    console.error(`sluice demo: ${messageOf(error)}`);
    return interrupted.signal.aborted ? 1 : 3;
  }
}

interface Screen extends DemoWatcher {
  done(): void;
}

function screenFor(output: DemoOptions['output'], fault: DemoFault): Screen {
  if (output === 'json') return jsonLines();
  return process.stdout.isTTY ? liveScreen(titles[fault]) : plainLines(titles[fault]);
}

function jsonLines(): Screen {
  return {
    see: (snapshot) => console.log(JSON.stringify({ type: 'snapshot', ...withoutSpec(snapshot) })),
    tell: (text) => console.log(JSON.stringify({ type: 'event', text })),
    done: () => undefined,
  };
}

function withoutSpec({ view: { spec: _, ...view }, story: __, ...rest }: Snapshot): object {
  return { ...rest, view };
}

function liveScreen(title: string): Screen {
  const update = createLogUpdate(process.stdout);
  return {
    see: (snapshot) => update(frame(snapshot, title, process.stdout.columns || 100)),
    tell: () => undefined,
    done: () => update.done(),
  };
}

/** A line at each change, and one every few seconds while nothing changes. */
function plainLines(title: string): Screen {
  const everySeconds = 5;
  let shown = { key: '', seconds: Number.NEGATIVE_INFINITY };
  console.log(`sluice demo: ${title}`);
  return {
    see: (snapshot) => {
      const { view, seconds } = snapshot;
      const key = `${view.state} ${view.step}`;
      if (key === shown.key && seconds - shown.seconds < everySeconds) return;
      shown = { key, seconds };
      console.log(plainLine(snapshot));
    },
    tell: (line) => console.log(`      ${line}`),
    done: () => undefined,
  };
}
