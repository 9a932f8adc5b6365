import { formatPath } from '../api/problems.ts';
import { fieldsOf } from '../domain/gateway/finding.ts';
import { diffGateways, type Effect, effectOf, type GatewayChange } from '../domain/gateway/restarts.ts';
import { asmVersionOf, findingLines, type NamedGatewayFile, readGatewayFiles } from './gateway-files.ts';
import { type ExitCode, exitCodes, type Output, WrongUseError } from './run.ts';
import { printable, table } from './show.ts';

interface Compared {
  readonly gateway: string;
  readonly changes: readonly GatewayChange[];
}

/**
 * `sluice gateway --diff OLD NEW`: exit code 1 where a change restarts the pods, or where no document says whether it
 * does; 2 where the files are no two versions of the same gateways.
 */
export async function diffGatewayFiles(
  files: readonly [string, string],
  asmVersion: string | undefined,
  output: Output,
): Promise<ExitCode> {
  const version = asmVersionOf(asmVersion);
  const read = await readGatewayFiles(files, version);
  for (const one of read) if (!one.isValid) throw new WrongUseError(findingLines(one).join('\n'));
  const [before, after] = read.map(byName);
  if (before === undefined || after === undefined) throw new WrongUseError('give the old file and the new one');
  assertSameGateways(before, after);
  const compared = [...after].map(
    ([gateway, now]): Compared => ({ gateway, changes: diffGateways(before.get(gateway), now, version) }),
  );
  const effect = effectOf(compared.flatMap(({ changes }) => changes));
  if (output === 'json') {
    const gateways = compared.map(({ gateway, changes }) => ({
      gateway,
      effect: effectOf(changes),
      changes: changes.map(plain),
    }));
    console.log(JSON.stringify({ asmVersion: asmVersion ?? null, effect, gateways }));
  } else {
    for (const one of compared) tell(one);
    if (asmVersion === undefined) console.error('Read for ASM 1.16 or later; for an older one give --asm-version.');
  }
  return effect === 'none' ? exitCodes.done : exitCodes.no;
}

function byName({ file, gateways }: NamedGatewayFile): ReadonlyMap<string, unknown> {
  const named = new Map(gateways.map((gateway) => [nameOf(gateway), gateway]));
  if (named.size === 0) throw new WrongUseError(`${file} holds no IstioGateway`);
  if (named.size < gateways.length) throw new WrongUseError(`${file} holds a gateway twice`);
  return named;
}

function nameOf(gateway: unknown): string {
  const { namespace, name } = fieldsOf(fieldsOf(gateway)['metadata']);
  return `${String(namespace)}/${String(name)}`;
}

function assertSameGateways(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): void {
  const [old, now] = [[...before.keys()].sort(), [...after.keys()].sort()];
  if (old.join() === now.join()) return;
  throw new WrongUseError(
    `these are not two versions of the same gateways: ${old.join(', ')} in the old file, ${now.join(', ')} in the new one`,
  );
}

const effects = { restart: 'restart', none: 'no restart', unknown: 'cannot tell' } as const satisfies Record<
  Effect,
  string
>;

function tell({ gateway, changes }: Compared): void {
  if (changes.length === 0) {
    console.log(`${gateway}: nothing differs`);
    return;
  }
  const rows = changes.map(({ effect, path, before, after, why }) => [
    effects[effect],
    formatPath(path),
    `${inShort(before)} -> ${inShort(after)}`,
    why,
  ]);
  console.log(`${gateway}:\n${table(rows)}\n${endings[effectOf(changes)]}`);
}

const endings = {
  restart: 'A rolling restart of the gateway’s pods follows.',
  none: 'No pod is restarted.',
  unknown: 'Whether the gateway’s pods are restarted cannot be told.',
} as const satisfies Record<Effect, string>;

function inShort(value: unknown): string {
  if (value === undefined) return '(none)';
  const text = printable(JSON.stringify(value) ?? '');
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

function plain({ path, before = null, after = null, effect, why }: GatewayChange) {
  return { path: formatPath(path), before, after, effect, why };
}
