import { type Subject, subjects, unseen } from '../src/engine/preflight/catalogue.ts';
import type { CheckKind } from '../src/engine/preflight/check.ts';

/** docs/preflight.md, from the checks themselves. */
export function preflightPage(): string {
  const kinds = subjects.flatMap((subject) => subject.kinds);
  return [
    '<!-- Made by `npm run docs` from src/engine/preflight: a change here is gone with the next run. -->',
    '',
    '# The preflight',
    '',
    'What a migration relies on is checked before anything is written: by `sluice preflight -f FILE`, by a dry run of the API',
    '(`POST /v1/migrations?dryRun=true`, as `preflight.checks`), and by every migration as its first state. All of it is read-only. The load',
    'balancer is asked once for its listeners, once for its groups and once for each group of the migration.',
    '',
    '```console',
    '$ sluice preflight -f shop.yaml            # worst first, each with why it matters and a command to paste; --all shows what passes',
    '$ sluice preflight -f shop.yaml --output json',
    '```',
    '',
    'Exit code 1 means that a start would be refused. A check says `pass`, `warn` (told with the start, and refuses nothing), `fail` (refuses',
    'the start) or `unknown`: it could not be read, and what was found names the permission that is missing ([deploy.md](deploy.md) has the',
    'roles). Of these only `readable` refuses a start. Where the two gateways of a short form cannot be read, its routes cannot be found: then',
    '`readable` says why, the plan has no routes, and `sluice start` is refused with the same words (422 over the API).',
    '',
    'In JSON a check is `{ id, status, found, at: { object, field, value }, why, remedy }`; `at` and `remedy` may be null. A remedy is a',
    'command for `kubectl` (of the cluster or, for an IstioGateway, of the mesh) or `aliyun` (with the region of its profile).',
    '',
    `There are ${kinds.length} checks.`,
    ...subjects.flatMap(section),
    '',
    '## What it cannot see',
    '',
    'Parts of known pitfalls that nothing readable gives away before a start, and what stands in instead.',
    '',
    '| pitfall | what cannot be seen | instead |',
    '| --- | --- | --- |',
    ...unseen.map(({ row, what, instead }) => `| ${row} | ${what} | ${instead} |`),
    '',
  ].join('\n');
}

function section({ title, kinds }: Subject): readonly string[] {
  return [
    '',
    `## ${title}`,
    '',
    '| check | what must hold | why | else | pitfall |',
    '| --- | --- | --- | --- | --- |',
    ...kinds.map(row),
  ];
}

function row({ id, asks, why, says, rows }: CheckKind): string {
  return `| \`${id}\` | ${asks} | ${why} | ${says.join(', ')} | ${rows.join(', ') || '-'} |`;
}
