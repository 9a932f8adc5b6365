import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ClockScale } from '../../src/adapters/memory/clock-scale.ts';

export interface ReporterSettings {
  readonly url: string;
  readonly names: readonly string[];
  readonly clockScale: ClockScale;
}

export interface Reporter {
  /** Ends the process; resolves with how many samples it wrote. Again is fine. @throws Error where it failed */
  stop(): Promise<number>;
}

/** Starts what reports for all migrations. It ends with whoever started it. */
export function startReporter(settings: ReporterSettings): Reporter {
  const program = fileURLToPath(new URL('./report.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.write(`${JSON.stringify(settings)}\n`);
  const ended = Promise.all([once(child, 'close'), text(child.stdout)]);
  const written = ended.then(([[code], printed]) => {
    if (code !== 0) throw new Error(`the reporter ended with ${code}`);
    return Number(printed);
  });
  // Who stops it is told; until then nobody waits for it.
  written.catch(() => undefined);
  return {
    stop: () => {
      child.stdin.end();
      return written;
    },
  };
}
