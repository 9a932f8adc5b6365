import { type GatewayFile, readGatewayFile } from '../api/gateway-file.ts';
import { type AsmVersion, parseAsmVersion } from '../domain/gateway/asm-version.ts';
import { WrongUseError } from './run.ts';
import { printable } from './show.ts';
import { readMigrationFile } from './start.ts';

export interface NamedGatewayFile extends GatewayFile {
  readonly file: string;
  /** Nothing in it would be refused. */
  readonly isValid: boolean;
}

/** @throws WrongUseError where a file cannot be read */
export async function readGatewayFiles(
  files: readonly string[],
  version: AsmVersion | null,
): Promise<readonly NamedGatewayFile[]> {
  const read: NamedGatewayFile[] = [];
  for (const file of files) {
    const found = readGatewayFile(await readMigrationFile(file), version);
    read.push({ ...found, file, isValid: found.findings.every(({ status }) => status !== 'fail') });
  }
  return read;
}

/** `gateway.yaml:12: spec.ports[0].targetPort: warning: ...`, as editors and terminals make links of it. */
export function findingLines({ file, findings }: NamedGatewayFile): readonly string[] {
  return findings.map(({ status, path, line, message }) => {
    const place = line === null ? file : `${file}:${line}`;
    return printable(`${place}: ${path}: ${status === 'warn' ? 'warning: ' : ''}${message}`);
  });
}

/** @throws WrongUseError where the text is no version */
export function asmVersionOf(text: string | undefined): AsmVersion | null {
  if (text === undefined) return null;
  const version = parseAsmVersion(text);
  if (version === null)
    throw new WrongUseError(`--asm-version is a version such as 1.18, not ${printable(text.slice(0, 60))}`);
  return version;
}
