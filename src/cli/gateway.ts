import { type Command, Option } from 'commander';
import { checkGatewayFiles } from './gateway-check.ts';
import { diffGatewayFiles } from './gateway-diff.ts';
import { type ExitCode, type OutputOptions, outputOf, run, WrongUseError, withOutput } from './run.ts';

interface GatewayOptions extends OutputOptions {
  readonly check?: boolean;
  readonly diff?: boolean;
  readonly asmVersion?: string;
}

/** `sluice gateway`: the IstioGateway of the target, before anything moves. */
export function gatewayCommand(program: Command): void {
  withOutput(program.command('gateway'))
    .description('checks IstioGateways, and tells which changes of one restart its pods')
    .argument('[files...]', 'manifests, YAML (of several documents as well) or JSON')
    .addOption(
      new Option('--check', 'checks every IstioGateway in the files; exit code 1 where one is wrong').conflicts('diff'),
    )
    .option('--diff', 'of an old file and a new one: exit code 1 where a change restarts the pods, or may')
    .option('--asm-version <version>', 'version of the ASM instance, where it is older than 1.16')
    .action((files: readonly string[], options: GatewayOptions) => run(() => gateway(files, options)));
}

async function gateway(files: readonly string[], options: GatewayOptions): Promise<ExitCode> {
  const output = outputOf(options);
  if (options.check === true) {
    if (files.length === 0) throw new WrongUseError('which file? sluice gateway --check FILE...');
    return checkGatewayFiles(files, options.asmVersion, output);
  }
  if (options.diff === true) {
    const [before, after, more] = files;
    if (before === undefined || after === undefined || more !== undefined) {
      throw new WrongUseError('which two files? sluice gateway --diff OLD NEW');
    }
    return diffGatewayFiles([before, after], options.asmVersion, output);
  }
  throw new WrongUseError('what is to be done? Give --check FILE... or --diff OLD NEW');
}
