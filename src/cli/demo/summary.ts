import pc from 'picocolors';
import type { BackendReading } from '../../domain/observation.ts';
import type { DemoReport } from './run.ts';
import { isOfTarget } from './truth.ts';

// Colours are for terminals; the library also takes a build server for one.
const { bold, green, red } = pc.createColors(pc.isColorSupported && process.stdout.isTTY === true);

/** The end of the demo in a few lines, every number of it measured in this run. */
export function summary(report: DemoReport): string {
  const { requests, recovery, truth } = report;
  const mark = report.isAsExpected ? green('as expected') : red(`NOT as expected (${report.expected})`);
  const lines = [
    `${bold(report.state)}, ${mark}${report.reason === null ? '' : `: ${report.reason}`}`,
    `${report.seconds.toFixed(1)} s, with time running ${report.speed} times faster`,
    `${requests.served} requests served, ${requests.failed} failed, ${requests.lost} lost`,
    ...(recovery === null
      ? []
      : [
          `${recovery.seconds.toFixed(2)} s (${(recovery.seconds * report.speed).toFixed(0)} s of sandbox time) from ${recovery.from} to the verified baseline; ${recovery.failed} requests failed meanwhile`,
        ]),
    "backend weights, read back from the CLB's API:",
    ...Object.entries(truth).map(([group, backends]) => `  ${group}: ${sideWeights(backends)}`),
  ];
  return lines.join('\n');
}

function sideWeights(backends: readonly BackendReading[]): string {
  const weights = (isTarget: boolean): string =>
    backends
      .filter((backend) => isOfTarget(backend) === isTarget)
      .map(({ weight }) => weight)
      .join(' + ');
  return `source ${weights(false)}, target ${weights(true)}`;
}
