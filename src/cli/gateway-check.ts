import { asmVersionOf, findingLines, type NamedGatewayFile, readGatewayFiles } from './gateway-files.ts';
import { type ExitCode, exitCodes, type Output } from './run.ts';

/** `sluice gateway --check FILE...`: exit code 1 where the mesh or Kubernetes would not take one of them. */
export async function checkGatewayFiles(
  files: readonly string[],
  asmVersion: string | undefined,
  output: Output,
): Promise<ExitCode> {
  const read = await readGatewayFiles(files, asmVersionOf(asmVersion));
  const hasGateway = read.some(({ gateways }) => gateways.length > 0);
  // Where none was found, nothing was checked, and a misspelt kind must not pass for a good gateway.
  const isValid = hasGateway && read.every((one) => one.isValid);
  if (output === 'json') {
    const answers = read.map(({ file, gateways, isValid: isOne, findings }) => ({
      file,
      gateways: gateways.length,
      isValid: isOne,
      findings,
    }));
    console.log(JSON.stringify({ isValid, files: answers }));
  } else {
    for (const one of read) console.log([...findingLines(one), summary(one)].join('\n'));
    if (!hasGateway) console.log('There is no IstioGateway in what was given.');
  }
  return isValid ? exitCodes.done : exitCodes.no;
}

function summary({ file, gateways, findings, isValid }: NamedGatewayFile): string {
  const warnings = findings.filter(({ status }) => status === 'warn').length;
  const mistakes = findings.length - warnings;
  const counted = [
    ...(mistakes === 0 ? [] : [count(mistakes, 'mistake')]),
    ...(warnings === 0 ? [] : [count(warnings, 'warning')]),
  ].join(', ');
  const good = gateways.length === 0 ? 'no IstioGateway' : `${count(gateways.length, 'IstioGateway')}, valid`;
  const verdict = isValid ? good : 'not valid';
  return `${file}: ${verdict}${counted === '' ? '' : ` (${counted})`}`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
