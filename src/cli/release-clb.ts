import type { Command } from 'commander';
import { parseMigration } from '../api/migration-file.ts';
import { parseDuration } from '../api/values.ts';
import { isReleased, type Release } from '../domain/release.ts';
import { type ClbOptions, clbClientFor, withClb } from './clb-access.ts';
import { confirm } from './confirm.ts';
import { clientsFor, type KubeconfigOptions, readKubeconfigs, withKubeconfigs } from './kubeconfigs.ts';
import { applyRelease, nameOf, type Released, textOf } from './release-apply.ts';
import { findReleases } from './release-sources.ts';
import {
  type ExitCode,
  exitCodes,
  type Output,
  type OutputOptions,
  outputOf,
  problemLines,
  run,
  WrongUseError,
  withOutput,
} from './run.ts';
import { printable, table } from './show.ts';
import { problemsOf, readMigrationFile } from './start.ts';

interface ReleaseOptions extends KubeconfigOptions, ClbOptions, OutputOptions {
  readonly file: string;
  readonly apply?: boolean;
  readonly yes?: boolean;
  readonly for: string;
}

/** `sluice release-clb -f FILE`: makes a CLB that the cloud controller made for the source one that two gateways may share. */
export function releaseClbCommand(program: Command): void {
  withOutput(withClb(withKubeconfigs(program.command('release-clb')), 'reads and writes'))
    .description('makes the CLB that was created for the source’s Service one that the target may share')
    .requiredOption('-f, --file <file>', 'the migration file; its source is meant')
    .option('--apply', 'does it: renames groups, takes two tags away, annotates the Service, verifies at the CLB')
    .option('--for <duration>', 'with --apply: puts everything back where it is not verified after so long', '3m')
    .option('--yes', 'with --apply: does not ask to type the id of the CLB')
    .action((options: ReleaseOptions) => run(() => releaseClb(options)));
}

async function releaseClb(options: ReleaseOptions): Promise<ExitCode> {
  const output = outputOf(options);
  const forMs = parseDuration(options.for);
  if (forMs === null) throw new WrongUseError(`--for is a duration such as 3m, not ${options.for}`);
  const text = await readMigrationFile(options.file);
  const kubeconfigs = await readKubeconfigs(options);
  const clb = clbClientFor(kubeconfigs, options);
  if (clb === null) throw new WrongUseError('the CLB must be read: give --clb-region');
  const clients = clientsFor(kubeconfigs);
  try {
    const releases = await findReleases(clients, clb, parseMigration(text));
    for (const { notes } of releases) for (const note of notes) console.error(printable(`note: ${note}`));
    const left = releases.filter((release) => !isReleased(release));
    if (options.apply !== true) {
      printPlan(releases, output);
      return exitCodes.done;
    }
    const ids = [...new Set(left.map(({ loadBalancer }) => loadBalancer))];
    if (options.yes !== true) for (const id of ids) await confirm(id, 'to release it');
    const done: (readonly [Release, Released])[] = [];
    // One after the other: what goes wrong with the first is not begun with the second.
    for (const release of left) {
      const released = await applyRelease(clients, clb, release, forMs);
      done.push([release, released]);
      if (!released.isDone) break;
    }
    return printDone(releases, done, output);
  } catch (error) {
    const problems = problemsOf(error);
    if (problems.length === 0) throw error;
    for (const line of problemLines(problems, options.file)) console.error(printable(line));
    if (options.apply === true) console.error('Nothing was changed.');
    return exitCodes.no;
  } finally {
    clients.close();
  }
}

/** The dry run: each step as it would be done. */
function printPlan(releases: readonly Release[], output: Output): void {
  if (output === 'json') {
    const answer = releases.map((release) => ({
      ...headOf(release),
      isReleased: isReleased(release),
      ...todoOf(release),
    }));
    console.log(JSON.stringify({ isApplied: false, releases: answer }));
    return;
  }
  for (const release of releases) {
    console.log(
      printable(`${release.loadBalancer} of ${nameOf(release)}${isReleased(release) ? ' is released already.' : ':'}`),
    );
    for (const line of linesOf(release)) console.log(printable(`  ${line}`));
  }
  if (releases.some((release) => !isReleased(release))) {
    console.error('Nothing was changed: --apply does it, and puts everything back where a step fails.');
  }
}

function todoOf({ renames, tags, annotations }: Release) {
  return { renames, tags, annotations };
}

function linesOf({ renames, tags, annotations, service, loadBalancer, groups }: Release): readonly string[] {
  const steps = [
    ...renames.map(({ group, from, to }) => `rename group ${group} from ${from} to ${to}`),
    ...(tags.length === 0 ? [] : [`take the tags ${tags.join(' and ')} from ${loadBalancer}, and no other`]),
    ...(annotations === null
      ? []
      : [
          `annotate ${service.namespace}/${service.name}, in one patch: ${textOf(annotations)}`,
          `verify at the CLB that every backend keeps its share of ${groups.map(({ group }) => group.id).join(' and ')}`,
        ]),
  ];
  return steps.map((step, index) => `${index + 1}. ${step}`);
}

function printDone(
  releases: readonly Release[],
  done: readonly (readonly [Release, Released])[],
  output: Output,
): ExitCode {
  const resultOf = (release: Release) => done.find(([one]) => one === release)?.[1] ?? null;
  const isDone = releases.every((release) => isReleased(release) || resultOf(release)?.isDone === true);
  for (const [, { notes }] of done) for (const note of notes) console.error(printable(`note: ${note}`));
  if (output === 'json') {
    const answer = releases.map((release) => ({
      ...headOf(release),
      isReleased: isReleased(release) || resultOf(release)?.isDone === true,
      steps: resultOf(release)?.steps ?? [],
    }));
    console.log(JSON.stringify({ isApplied: true, isDone, releases: answer }));
  } else {
    for (const release of releases) {
      const steps = resultOf(release)?.steps ?? [];
      if (steps.length > 0) console.log(table(steps.map(({ outcome, step, detail }) => [outcome, step, detail])));
      if (isReleased(release)) console.log(printable(`${release.loadBalancer} is released already.`));
    }
  }
  if (isDone) return exitCodes.done;
  const isStuck = done.some(([, { steps }]) => steps.some(({ outcome }) => outcome === 'not undone'));
  console.error(
    isStuck
      ? 'Not done, and not all of it could be put back: run the same command again as soon as the cause is gone; it goes on from where it stands.'
      : 'Not done; everything was put back. When the cause is gone, run the same command again.',
  );
  return exitCodes.no;
}

function headOf({ loadBalancer, service: { cluster, namespace, name }, notes }: Release) {
  return { loadBalancer, service: `${cluster}/${namespace}/${name}`, notes };
}
