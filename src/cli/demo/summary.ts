import pc from 'picocolors';
import type { DemoReport } from './run.ts';
import { weightsOf } from './truth.ts';

/** The end of the demo in a few lines, every number of it measured in this run. */
export function summary(report: DemoReport): string {
  const { requests, recovery, truth } = report;
  const mark = report.isAsExpected ? pc.green('as expected') : pc.red(`NOT as expected (${report.expected})`);
  const lines = [
    `${pc.bold(report.state)}, ${mark}${report.reason === null ? '' : `: ${report.reason}`}`,
    `${report.seconds.toFixed(1)} s, with time running ${report.speed} times faster`,
    `${requests.served} requests served, ${requests.failed} failed, ${requests.lost} lost`,
    ...(recovery === null
      ? []
      : [
          `${recovery.seconds.toFixed(2)} s (${(recovery.seconds * report.speed).toFixed(0)} s of sandbox time) from ${recovery.from} to the verified baseline; ${recovery.failed} requests failed meanwhile`,
        ]),
    "backend weights, read back from the CLB's API:",
    ...Object.entries(weightsOf(truth)).map(([group, weights]) => `  ${group}: ${weights.join('  ')}`),
  ];
  return lines.join('\n');
}
